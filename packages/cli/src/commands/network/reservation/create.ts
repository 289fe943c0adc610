import { NetworkReservationSchema } from '@protect/proto/control-common';
import { Command } from 'commander';
import type { Cli } from '../../../cli.ts';
import { CommandError } from '../../../command-error.ts';
import { withExamples } from '../../../examples.ts';
import {
  addOutputOption,
  type ObjectFormat,
  objectFormats,
  outputFormat,
  printObject,
} from '../../../output-format.ts';

/** `protect network reservation create`: prints the UUID. */
export function command(cli: Cli): Command {
  const create = new Command('create').description(
    'reserve a pair of addresses and print the UUID of the reservation',
  );
  return withExamples(
    addOutputOption(create, objectFormats),
    [
      'protect zone launch --assume-network-reservation $(protect network reservation create)',
      'launch a zone whose addresses outlive it',
    ],
    ['protect network reservation create -o json-pretty', 'see the addresses as well'],
  ).action(async (options: { readonly output: ObjectFormat; readonly format?: ObjectFormat }) => {
    const { reservation } = await cli.control.createNetworkReservation({});
    if (reservation === undefined) throw new CommandError('the daemon answered without a reservation');
    await printObject(cli, NetworkReservationSchema, reservation, outputFormat(options), ({ uuid }) => uuid);
  });
}
