import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { catalogue } from './catalogue.ts';
import type { Cli } from './cli.ts';

/** Options of the program itself that take a value. */
const valueOptions = new Set(['-c', '--connection']);

/** The command line of `protect`; of its commands only the one that `args` names is loaded. */
export async function buildProgram(cli: Cli, args: readonly string[]): Promise<Command> {
  const [wantedNoun, wantedVerb] = words(args);
  const program = new Command('protect')
    .description('run OCI workloads in zones: virtual machines with their own kernel')
    .version(packageJson.version, '--version', 'print the version')
    .option(
      '-c, --connection <url>',
      'unix socket of the daemon, such as unix:///var/lib/edera/protect/daemon.socket',
    )
    .enablePositionalOptions()
    .exitOverride();
  for (const [noun, { summary, verbs }] of Object.entries(catalogue)) {
    const group = program.command(noun).description(summary).exitOverride();
    for (const [verb, { summary: line, load }] of Object.entries(verbs)) {
      const wanted = noun === wantedNoun && verb === wantedVerb;
      group.addCommand((wanted ? (await load()).command(cli) : new Command(verb)).summary(line));
    }
  }
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text),
      outputError: (text, print) => print(withHint(text, command)),
    });
  }
  return program;
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
  const [noun, verb] = words(args);
  const known = noun !== undefined && Object.hasOwn(catalogue, noun) ? catalogue[noun] : undefined;
  if (noun === undefined || known === undefined) return 'protect';
  return verb !== undefined && Object.hasOwn(known.verbs, verb) ? `${noun} ${verb}` : noun;
}

function words(args: readonly string[]): string[] {
  const found: string[] = [];
  for (let index = 0; index < args.length && found.length < 2; index++) {
    const arg = args[index] ?? '';
    if (valueOptions.has(arg) && found.length === 0) index++;
    else if (!arg.startsWith('-') && arg !== 'help') found.push(arg);
  }
  return found;
}

function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const inner of command.commands) yield* everyCommand(inner);
}

/** Commander says what is wrong; where to read more is ours to say. */
function withHint(text: string, command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  return `${text.trimEnd().replaceAll(/\s*\n\s*/g, ' ')}; see ${names.join(' ')} --help\n`;
}
