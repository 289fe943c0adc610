import { Command } from 'commander';
import { collect, commandWords, type KeyValue, keyValue, userAndGroup } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { usageError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';
import { resolveZone } from '../../resolve.ts';
import { runCommand } from '../../run-command.ts';

interface Options {
  readonly env?: readonly KeyValue[];
  readonly workingDirectory?: string;
  readonly user?: ReturnType<typeof userAndGroup>;
  readonly tty?: boolean;
}

/** `protect zone exec`: ends with the command's exit code. */
export function command(cli: Cli): Command {
  const exec = new Command('exec')
    .description('run a command in the zone itself, next to its workloads')
    .argument('<zone>', 'name or UUID')
    .argument('<command...>', 'program and arguments')
    .option('-e, --env <KEY=value>', 'environment variable (repeatable)', collect(keyValue))
    .option('-w, --working-directory <dir>', 'where it starts')
    .option('-u, --user <user[:group]>', 'who it runs as', userAndGroup)
    .option('-t, --tty', 'give it a terminal')
    .passThroughOptions();
  return withExamples(
    exec,
    ['protect zone exec web cat /proc/meminfo', 'look into the zone'],
    ['protect zone exec -t web sh', 'a shell of the zone in this terminal'],
  ).action(async (zone: string, words: string[], options: Options) => {
    const remote = commandWords(words);
    if (remote.length === 0) throw usageError('no command was given; name a program of the zone');
    cli.setExitCode(
      await runCommand(cli, {
        target: { zoneId: await resolveZone(cli.control, zone) },
        command: remote,
        environment: options.env ?? [],
        workingDirectory: options.workingDirectory,
        user: options.user,
        tty: options.tty === true,
      }),
    );
  });
}
