import { Command } from 'commander';
import { collect, commandWords, type KeyValue, keyValue, userAndGroup } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { usageError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';
import { resolveWorkload } from '../../resolve.ts';
import { runCommand } from '../../run-command.ts';

interface Options {
  readonly env?: readonly KeyValue[];
  readonly workingDirectory?: string;
  readonly user?: ReturnType<typeof userAndGroup>;
  readonly tty?: boolean;
}

/** `protect workload exec`: ends with the command's exit code. */
export function command(cli: Cli): Command {
  const exec = new Command('exec')
    .description('run a command in a workload that runs')
    .argument('<workload>', 'name or UUID')
    .argument('<command...>', 'program of the image, and arguments')
    .option('-e, --env <KEY=value>', 'environment variable (repeatable)', collect(keyValue))
    .option('-w, --working-directory <dir>', 'where it starts')
    .option('-u, --user <user[:group]>', 'who it runs as', userAndGroup)
    .option('-t, --tty', 'give it a terminal')
    .passThroughOptions();
  return withExamples(
    exec,
    ['protect workload exec nginx nginx -t', 'check something'],
    ['protect workload exec -t -u nobody nginx sh', 'a shell in this terminal, as another user'],
  ).action(async (workload: string, words: string[], options: Options) => {
    const remote = commandWords(words);
    if (remote.length === 0) throw usageError('no command was given; name a program of the image');
    cli.setExitCode(
      await runCommand(cli, {
        target: { workloadId: await resolveWorkload(cli.control, workload) },
        command: remote,
        environment: options.env ?? [],
        workingDirectory: options.workingDirectory,
        user: options.user,
        tty: options.tty === true,
      }),
    );
  });
}
