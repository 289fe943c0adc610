import { OciImageFormat } from '@protect/proto/control-common';
import { Command, Option } from 'commander';
import {
  bindMount,
  blockDevice,
  collect,
  collectChoices,
  commandWords,
  countUpTo,
  integer,
  keyValue,
  userAndGroup,
} from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { attachWorkload } from '../../follow-console.ts';
import { pullImage } from '../../pull-image.ts';
import { resolveZone } from '../../resolve.ts';
import { terminalSize } from '../../terminal.ts';
import { waitForExit, waitUntilStarted } from '../../wait-for-workload.ts';
import { namespaces, type WorkloadOptions, workloadSpec } from '../../workload-spec.ts';
import { write } from '../../write.ts';

const maxId = 2 ** 32 - 1;

interface Options extends WorkloadOptions {
  readonly zone: string;
  readonly wait?: boolean;
  readonly pullOverwriteCache?: boolean;
  readonly pullUpdate?: boolean;
}

/** `protect workload launch`: pulls, creates, starts, and prints the UUID; attached, ends with the exit code. */
export function command(cli: Cli): Command {
  const launchCommand = new Command('launch')
    .description('run an OCI image in a zone and print the UUID of the workload')
    .requiredOption('-z, --zone <zone>', 'name or UUID of the zone to run in')
    .option('-n, --name <name>', 'a name; several workloads may share one');
  addProcessOptions(launchCommand);
  addDiskOptions(launchCommand);
  addSecurityOptions(launchCommand);
  launchCommand
    .option('--annotation <key=value>', 'note to keep with the workload (repeatable)', collect(keyValue))
    .option('--pull-overwrite-cache', 'pack the image again')
    .option('--pull-update', 'ask the registry again for the image')
    .option('-W, --wait', 'return when it runs')
    .option('-a, --attach', 'connect with it, and end with its exit code; Ctrl-] leaves it')
    .argument('<image>', 'oci:/folder[:tag] or a registry reference')
    .argument('[command...]', "instead of the image's own")
    .passThroughOptions();
  return withExamples(
    launchCommand,
    ['protect workload launch --zone web --name nginx nginx:1.27', 'run an image in the background'],
    ['protect workload launch -z web -ta alpine sh', 'a shell in an image, here in this terminal'],
    ['protect workload launch -z web -m /srv/www:/usr/share/nginx/html nginx', 'with a folder of the host'],
    ['protect workload launch -z web --read-only --cap-drop ALL app', 'with as little as possible'],
  ).action((image: string, words: string[], options: Options) =>
    launch(cli, image, commandWords(words), options),
  );
}

async function launch(cli: Cli, image: string, words: readonly string[], options: Options): Promise<void> {
  const zoneId = await resolveZone(cli.control, options.zone);
  const packed = await pullImage(cli, image, {
    format: OciImageFormat.SQUASHFS,
    overwriteCache: options.pullOverwriteCache === true,
    update: options.pullUpdate === true,
  });
  const tty = options.tty === true;
  const attach = options.attach === true;
  const size = tty && attach ? terminalSize(cli) : undefined;
  const spec = workloadSpec(cli, { zoneId, image: packed, command: words }, size, options);
  const { workloadId } = await cli.control.createWorkload({ spec });
  if (!attach) await write(cli.stdout, `${workloadId}\n`);
  await cli.control.startWorkload({ workloadId });
  if (attach) {
    const end = await attachWorkload(cli, workloadId, tty);
    if (end === 'ended') cli.setExitCode(await waitForExit(cli, workloadId));
  } else if (options.wait === true) {
    await waitUntilStarted(cli, workloadId);
  }
}

function addProcessOptions(command: Command): void {
  command
    .option('-e, --env <KEY=value>', 'environment variable (repeatable)', collect(keyValue))
    .option('-w, --working-directory <dir>', 'where the program starts')
    .option('-u, --user <user[:group]>', "who it runs as instead of the image's user", userAndGroup)
    .option('--group-add <gid>', 'further group of that user (repeatable)', collect(countUpTo(maxId)))
    .option('--hostname <name>', "instead of the zone's")
    .option('-t, --tty', 'give it a terminal')
    .option(
      '--cgroup-limit <file=value>',
      'limit of its cgroup, such as memory.max=268435456 (repeatable)',
      collect(keyValue),
    )
    .option(
      '--oom-score-adj <n>',
      'how soon it is killed when memory is short, -1000 to 1000',
      integer(-1000, 1000),
    );
}

function addDiskOptions(command: Command): void {
  command
    .option(
      '-m, --mount <host:target>',
      'host folder to show in the workload (repeatable)',
      collect(bindMount),
    )
    .option('--mount-scratch-disk <path>', 'path to keep on the scratch disk (repeatable)', collect(String))
    .option(
      '--block-device <device:target[:ro]>',
      'block device of the host to show in the workload (repeatable)',
      collect(blockDevice),
    )
    .option('--pci-device <location>', 'PCI device of the zone to show in it (repeatable)', collect(String));
}

function addSecurityOptions(command: Command): void {
  const names = Object.keys(namespaces);
  command
    .option('--privileged', 'all capabilities in the zone')
    .option('--read-only', 'no writable root filesystem')
    .option('--no-new-privs', 'no program of it may gain privileges')
    .option('--cap-add <capability>', 'capability to give it, or ALL (repeatable)', collect(String))
    .option('--cap-add-ambient <capability>', 'the same for users other than root', collect(String))
    .option('--cap-drop <capability>', 'capability to take from it, or ALL (repeatable)', collect(String))
    .option('--strict-user-namespace', 'map no user of the zone into it')
    .addOption(
      new Option('--disable-namespace <namespace>', "share the zone's instead (repeatable)")
        .choices(names)
        .argParser(collectChoices(names)),
    )
    .option('--disable-all-namespaces', "share all of the zone's");
}
