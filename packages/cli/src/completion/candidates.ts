import { WorkloadStateSchema, ZoneStateSchema } from '@protect/proto/control-common';
import type { Command, Option } from 'commander';
import { allPages } from '../all-pages.ts';
import type { Cli } from '../cli.ts';
import { shortName } from '../short-name.ts';
import { type Position, positionOf } from './position.ts';

/** A word that could stand under the cursor. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/** Nobody waits longer than this for a shell to complete a word. */
const timeoutMs = 1_000;

type Source = (cli: Cli) => Promise<Candidate[]>;

/** Names of things the daemon knows, by the name of the argument or the long name of the option. */
const sources: Readonly<Record<string, Source>> = {
  zone: zones,
  workload: workloads,
  image: images,
  reservation: reservations,
  '--zone': zones,
  '--device': devices,
  '--assume-network-reservation': reservations,
  '--kernel-variant': kernelVariants,
};

/** Arguments and options that name files of this host. */
const fileNames = new Set(['file', '--connection', '--mount']);

/** Words that could stand in place of the last one; 'files' when the shell knows them better. */
export async function candidates(
  cli: Cli,
  program: Command,
  words: readonly string[],
): Promise<readonly Candidate[] | 'files'> {
  const position = positionOf(program, words);
  if (position === undefined) return [];
  const prefix = position.kind === 'value' ? position.prefix : '';
  const begun = (words.at(-1) ?? '').slice(prefix.length);
  const found = await atPosition(cli, position);
  if (found === 'files') return found;
  return found
    .filter(({ word }) => word.startsWith(begun))
    .map(({ word, description }) => ({ word: prefix + word, description }));
}

async function atPosition(cli: Cli, position: Position): Promise<readonly Candidate[] | 'files'> {
  switch (position.kind) {
    case 'command':
      return position.group
        .createHelp()
        .visibleCommands(position.group)
        .map((command) => ({
          word: command.name(),
          description: command.summary() || command.description(),
        }));
    case 'option':
      return options(position.command);
    case 'value':
      return named(cli, position.option.long ?? '', position.option.argChoices);
    case 'argument': {
      const { argument, command } = position;
      if (argument === undefined) return options(command);
      return named(cli, argument.name(), argument.argChoices);
    }
  }
}

function options(command: Command): Candidate[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible.map(({ long, short, description }: Option) => ({ word: long ?? short ?? '', description }));
}

async function named(
  cli: Cli,
  name: string,
  choices: readonly string[] | undefined,
): Promise<readonly Candidate[] | 'files'> {
  if (choices !== undefined) return choices.map((word) => ({ word, description: '' }));
  if (fileNames.has(name)) return 'files';
  const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
  // Without a daemon there is nothing to offer, and nobody to tell.
  return source === undefined ? [] : source(cli).catch(() => []);
}

async function zones({ control }: Cli): Promise<Candidate[]> {
  const all = await allPages(control.listZones({}, { timeoutMs }), (page) => page.zones);
  return all.map(({ id, spec, status }) => ({
    word: spec?.name || id,
    description: shortName(ZoneStateSchema, status?.state ?? 0),
  }));
}

async function workloads({ control }: Cli): Promise<Candidate[]> {
  const all = await allPages(control.listWorkloads({}, { timeoutMs }), (page) => page.workloads);
  return all.map(({ id, spec, status }) => ({
    word: spec?.name || id,
    description: shortName(WorkloadStateSchema, status?.state ?? 0),
  }));
}

async function images({ control }: Cli): Promise<Candidate[]> {
  const all = await allPages(control.listImages({}, { timeoutMs }), (page) => page.images);
  return all.flatMap(({ digest, names }) =>
    (names.length > 0 ? names : [digest]).map((word) => ({ word, description: '' })),
  );
}

async function devices({ control }: Cli): Promise<Candidate[]> {
  const { devices: all } = await control.listDevices({}, { timeoutMs });
  return all.map(({ name, claimed }) => ({ word: name, description: claimed ? 'claimed' : 'available' }));
}

async function reservations({ control }: Cli): Promise<Candidate[]> {
  const all = await allPages(control.listNetworkReservations({}, { timeoutMs }), (page) => page.reservations);
  return all.map(({ uuid, ipv4 }) => ({ word: uuid, description: ipv4 }));
}

async function kernelVariants(cli: Cli): Promise<Candidate[]> {
  const { kernelVariants: read } = await import('../kernel-variants.ts');
  return (await read(cli)).map(({ name, image }) => ({ word: name, description: image }));
}
