import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { catalogue, type Entries, type Noun, type Verb } from './catalogue.ts';
import type { Cli, OutputStream } from './cli.ts';

/** Options of the program itself that take a value. */
const valueOptions = new Set(['-c', '--connection']);

const helpColumns = 100;

const exitAndEnvironment = `
Exit status:
  0    done
  1    failed, for the reason on standard error
  2    the command line makes no sense
  130  ended by Ctrl-C
  exec, attach and launch --attach end with the status of what ran (128 and the number of a signal);
  host config check ends with 78 where the daemon would.

Environment:
  PROTECT_CONNECTION  used where --connection is not given
  NO_COLOR            no colours, even on a terminal`;

/** The command line of `protect`; of its commands only the one that `args` names is loaded, or every one. */
export async function buildProgram(cli: Cli, args: readonly string[] | 'all'): Promise<Command> {
  const program = new Command('protect')
    .description('run OCI workloads in zones: virtual machines with their own kernel')
    .version(packageJson.version, '--version', 'print the version')
    .option(
      '-c, --connection <url>',
      'unix socket of the daemon, such as unix:///var/lib/edera/protect/daemon.socket',
    )
    .enablePositionalOptions()
    .addHelpText('after', exitAndEnvironment);
  await addEntries(cli, program, catalogue, args === 'all' ? args : commandPath(args));
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text),
      getOutHelpWidth: () => helpWidth(cli.stdout),
      getErrHelpWidth: () => helpWidth(cli.stderr),
      outputError: (text, print) => print(withHint(text, command)),
    });
  }
  return program;
}

async function addEntries(
  cli: Cli,
  group: Command,
  entries: Entries,
  wanted: readonly string[] | 'all',
): Promise<void> {
  for (const [name, entry] of Object.entries(entries)) {
    const isWanted = wanted === 'all' || wanted[0] === name;
    if ('entries' in entry) {
      const inner = group.command(name).description(entry.summary);
      const below = wanted === 'all' ? wanted : wanted.slice(1);
      await addEntries(cli, inner, entry.entries, isWanted ? below : []);
    } else {
      const command = isWanted ? (await entry.load()).command(cli) : new Command(name);
      group.addCommand(command.summary(entry.summary), { hidden: entry.hidden === true });
    }
  }
}

/** The connection that the arguments name, before any command is known. */
export function connectionOption(args: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (valueOptions.has(arg)) return args[index + 1];
    if (arg.startsWith('--connection=')) return arg.slice('--connection='.length);
    if (/^-c./.test(arg)) return arg.slice(2);
    if (!arg.startsWith('-')) return undefined;
  }
  return undefined;
}

/** What a failure is said to have happened in: the command without its options. */
export function commandName(args: readonly string[]): string {
  return commandPath(args).join(' ') || 'protect';
}

/** The words of the arguments that name a command, or a group of them. */
export function commandPath(args: readonly string[]): string[] {
  const path: string[] = [];
  let entries: Entries | undefined = catalogue;
  for (let index = 0; index < args.length && entries !== undefined; index++) {
    const word = args[index] ?? '';
    if (valueOptions.has(word) && path.length === 0) index++;
    if (word.startsWith('-') || word === 'help') continue;
    const entry: Verb | Noun | undefined = Object.hasOwn(entries, word) ? entries[word] : undefined;
    if (entry === undefined) break;
    path.push(word);
    entries = 'entries' in entry ? entry.entries : undefined;
  }
  return path;
}

function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const inner of command.commands) yield* everyCommand(inner);
}

/** Long lines are hard to read, and what is no terminal has no width. */
function helpWidth({ isTTY, columns }: OutputStream): number {
  return Math.min(helpColumns, isTTY === true ? (columns ?? helpColumns) : helpColumns);
}

/** Commander says what is wrong; where to read more is ours to say. */
function withHint(text: string, command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  return `${text.trimEnd().replaceAll(/\s*\n\s*/g, ' ')}; see ${names.join(' ')} --help\n`;
}
