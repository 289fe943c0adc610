import { OciImageFormat } from '@protect/proto/control-common';
import { Command } from 'commander';
import { bindMount, collect, commandWords, keyValue } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { attachWorkload } from '../../follow-console.ts';
import { pullImage } from '../../pull-image.ts';
import { resolveZone } from '../../resolve.ts';
import { terminalSize } from '../../terminal.ts';
import { waitForExit, waitUntilStarted } from '../../wait-for-workload.ts';
import { write } from '../../write.ts';

interface Options {
  readonly zone: string;
  readonly name?: string;
  readonly env?: readonly { readonly key: string; readonly value: string }[];
  readonly workingDirectory?: string;
  readonly hostname?: string;
  readonly tty?: boolean;
  readonly attach?: boolean;
  readonly wait?: boolean;
  readonly mount?: readonly { readonly hostPath: string; readonly targetPath: string }[];
  readonly mountScratchDisk?: readonly string[];
  readonly privileged?: boolean;
  readonly readOnly?: boolean;
  readonly pullOverwriteCache?: boolean;
  readonly pullUpdate?: boolean;
}

/** `protect workload launch`: pulls, creates, starts, and prints the UUID; attached, ends with the exit code. */
export function command(cli: Cli): Command {
  return new Command('launch')
    .description('run an OCI image in a zone and print the UUID of the workload')
    .requiredOption('-z, --zone <zone>', 'name or UUID of the zone to run in')
    .option('-n, --name <name>', 'a name; several workloads may share one')
    .option('-e, --env <KEY=value>', 'environment variable (repeatable)', collect(keyValue))
    .option('-w, --working-directory <dir>', 'where the program starts')
    .option('--hostname <name>', "instead of the zone's")
    .option('-t, --tty', 'give it a terminal')
    .option('-a, --attach', 'connect with it, and end with its exit code; Ctrl-] leaves it')
    .option('-W, --wait', 'return when it runs')
    .option(
      '-m, --mount <host:target>',
      'host folder to show in the workload (repeatable)',
      collect(bindMount),
    )
    .option('--mount-scratch-disk <path>', 'path to keep on the scratch disk (repeatable)', collect(String))
    .option('--privileged', 'all capabilities in the zone')
    .option('--read-only', 'no writable root filesystem')
    .option('--pull-overwrite-cache', 'pack the image again')
    .option('--pull-update', 'ask the registry again for the image')
    .argument('<image>', 'oci:/folder[:tag] or a registry reference')
    .argument('[command...]', "instead of the image's own")
    .passThroughOptions()
    .action((image: string, words: string[], options: Options) =>
      launch(cli, image, commandWords(words), options),
    );
}

async function launch(cli: Cli, image: string, words: readonly string[], options: Options): Promise<void> {
  const zoneId = await resolveZone(cli.control, options.zone);
  const spec = await pullImage(cli, image, {
    format: OciImageFormat.SQUASHFS,
    overwriteCache: options.pullOverwriteCache === true,
    update: options.pullUpdate === true,
  });
  const tty = options.tty === true;
  const attach = options.attach === true;
  const size = tty && attach ? terminalSize(cli) : undefined;
  const { TERM } = cli.env;
  const environment = (options.env ?? []).map(({ key, value }) => ({ key, value }));
  if (tty && TERM !== undefined && !environment.some(({ key }) => key === 'TERM')) {
    environment.push({ key: 'TERM', value: TERM });
  }
  const { workloadId } = await cli.control.createWorkload({
    spec: {
      name: options.name ?? '',
      zoneId,
      image: spec,
      process: {
        command: [...words],
        environment,
        workingDirectory: options.workingDirectory ?? '',
        tty,
        ...(size === undefined ? {} : { terminalSize: size }),
        stdin: attach || tty,
        stdout: true,
        stderr: true,
      },
      mounts: (options.mount ?? []).map(({ hostPath, targetPath }) => ({ hostPath, targetPath })),
      scratchMount: (options.mountScratchDisk ?? []).map((path) => ({ path })),
      security: { privileged: options.privileged === true, readOnlyRootfs: options.readOnly === true },
      hostname: options.hostname ?? '',
    },
  });
  if (!attach) await write(cli.stdout, `${workloadId}\n`);
  await cli.control.startWorkload({ workloadId });
  if (attach) {
    const end = await attachWorkload(cli, workloadId, tty);
    if (end === 'ended') cli.setExitCode(await waitForExit(cli, workloadId));
  } else if (options.wait === true) {
    await waitUntilStarted(cli, workloadId);
  }
}
