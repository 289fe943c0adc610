import { Command, Option } from 'commander';
import { collect, countUpTo, keyValue, moduleParameter } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { attachZone } from '../../follow-console.ts';
import { waitUntilReady } from '../../wait-for-zone.ts';
import { write } from '../../write.ts';
import { addResourceOptions, maxMib } from '../../zone-resources.ts';
import { networks, virtualizations, type ZoneOptions, zoneSpec } from '../../zone-spec.ts';

interface Options extends ZoneOptions {
  readonly wait?: boolean;
  readonly attach?: boolean;
}

/** `protect zone launch`: creates a zone and prints its UUID. */
export function command(cli: Cli): Command {
  const launchCommand = new Command('launch')
    .description('create a zone and print its UUID')
    .option('-n, --name <name>', 'a name; several zones may share one');
  addResourceOptions(launchCommand, { start: 'it starts with', policy: '' });
  addKernelOptions(launchCommand);
  addDeviceOptions(launchCommand);
  addNetworkOptions(launchCommand);
  launchCommand
    .option('--annotation <key=value>', 'note to keep with the zone (repeatable)', collect(keyValue))
    .option('--pull-overwrite-cache', 'read and pack kernel, ramdisk and addons again')
    .option('--pull-update', 'ask the registry again for kernel, ramdisk and addons')
    .option('-W, --wait', 'return when the zone is ready')
    .option('-a, --attach', 'wait, then connect this terminal with its console; Ctrl-] leaves it');
  return withExamples(
    launchCommand,
    ['protect zone launch --name web --wait', 'a zone with the defaults, ready when this returns'],
    ['protect zone launch -n web -C 2 -m 512 -M 2048 --create-scratch-disk 8192', 'with sizes of its own'],
    ['protect zone launch --network-backend none --attach', 'without a network, and its console here'],
    ['protect zone launch -D gpu0 --kernel-variant nvidia', 'with a device and a kernel of daemon.toml'],
  ).action((options: Options) => launch(cli, options));
}

async function launch(cli: Cli, options: Options): Promise<void> {
  const spec = await zoneSpec(cli, options);
  // The wire of a zone has no place for it, and only the daemon knows the default kernel and ramdisk.
  const headers = options.pullOverwriteCache === true ? { 'protect-overwrite-cache': 'true' } : {};
  const { zoneId } = await cli.control.createZone({ spec }, { headers });
  if (options.attach !== true) await write(cli.stdout, `${zoneId}\n`);
  if (options.wait === true || options.attach === true) {
    const zone = await waitUntilReady(cli, zoneId);
    if (options.attach === true) await attachZone(cli, zone.id, true);
  }
}

function addKernelOptions(command: Command): void {
  command
    .addOption(
      new Option('-k, --kernel <image>', 'zone kernel image instead of the default').conflicts(
        'kernelVariant',
      ),
    )
    .option('--kernel-variant <name>', 'zone kernel named in daemon.toml')
    .option('-I, --initrd <image>', 'ramdisk image instead of the default')
    .option('--addon <image>', 'image whose content the zone mounts as well (repeatable)', collect(String))
    .option('--kernel-verbose', 'let the kernel print all its messages')
    .option('--kernel-cmdline-append <text>', 'more for the kernel command line')
    .option('--kernel-module <name>', 'module to load before it is ready (repeatable)', collect(String))
    .option(
      '--kernel-module-parameter <parameter>',
      'of a module, as module.parameter=value (repeatable)',
      collect(moduleParameter),
    )
    .option('--sysctl <key=value>', 'kernel setting (repeatable)', collect(keyValue));
}

function addDeviceOptions(command: Command): void {
  command
    .option('-D, --device <name>', 'PCI device named in daemon.toml (repeatable)', collect(String))
    .addOption(
      new Option('-V, --virt-backend <backend>', 'kind of virtual machine').choices(
        Object.keys(virtualizations),
      ),
    )
    .addOption(
      new Option('--create-scratch-disk <mib>', 'disk for what its workloads write, MiB')
        .argParser(countUpTo(maxMib))
        .conflicts('attachScratchDisk'),
    )
    .option('--attach-scratch-disk <name>', 'block device named in daemon.toml; formatted at every launch');
}

function addNetworkOptions(command: Command): void {
  command
    .addOption(
      new Option('--network-backend <backend>', 'who wires its network').choices(Object.keys(networks)),
    )
    .option('--dns <address>', "name server instead of daemon.toml's (repeatable)", collect(String))
    .option('--dns-search <domain>', 'domain that names are looked up in (repeatable)', collect(String))
    .option('--dns-option <option>', 'option of the resolver, such as ndots:2 (repeatable)', collect(String))
    .option('--assume-network-reservation <reservation>', 'UUID of reserved addresses to take')
    .option('--retain-network-reservation', 'keep its addresses reserved when it is gone');
}
