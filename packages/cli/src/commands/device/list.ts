import { toJson } from '@bufbuild/protobuf';
import { type DeviceInfo, DeviceInfoSchema } from '@protect/proto/control-common';
import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import {
  addOutputOption,
  type ListFormat,
  type Listing,
  listFormats,
  outputFormat,
  printList,
} from '../../output-format.ts';

/** How devices are listed; the owner is a zone's UUID. */
const deviceListing: Listing<DeviceInfo> = {
  json: (device) => toJson(DeviceInfoSchema, device),
  header: ['name', 'status', 'owner'],
  row: ({ name, claimed, ownerZone }) => [
    { text: name },
    claimed ? { text: 'claimed', colour: 'blue' } : { text: 'available', colour: 'green' },
    { text: ownerZone },
  ],
  simple: ({ name, claimed, ownerZone }) => [name, String(claimed), ownerZone],
  empty: 'no devices are configured',
};

/** `protect device list`. */
export function command(cli: Cli): Command {
  const list = new Command('list').description('list the PCI devices that daemon.toml names');
  return withExamples(
    addOutputOption(list, listFormats),
    ['protect device list', 'see which devices are free'],
    ['protect device list -o json', 'the same for a program'],
  ).action(async (options: { readonly output: ListFormat; readonly format?: ListFormat }) => {
    const { devices } = await cli.control.listDevices({});
    await printList(cli, deviceListing, devices.sort(byName), outputFormat(options));
  });
}

function byName(a: DeviceInfo, b: DeviceInfo): number {
  return a.name < b.name ? -1 : 1;
}
