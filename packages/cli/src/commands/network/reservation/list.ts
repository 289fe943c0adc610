import { toJson } from '@bufbuild/protobuf';
import { type NetworkReservation, NetworkReservationSchema } from '@protect/proto/control-common';
import { Command } from 'commander';
import { allPages } from '../../../all-pages.ts';
import type { Cli } from '../../../cli.ts';
import { withExamples } from '../../../examples.ts';
import {
  addOutputOption,
  type ListFormat,
  type Listing,
  listFormats,
  outputFormat,
  printList,
} from '../../../output-format.ts';

/** How reservations are listed. */
const reservationListing: Listing<NetworkReservation> = {
  json: (reservation) => toJson(NetworkReservationSchema, reservation),
  header: ['uuid', 'ipv4', 'ipv6', 'mac'],
  row: (reservation) => columns(reservation).map((text) => ({ text })),
  simple: columns,
  empty: 'no addresses are reserved',
};

/** `protect network reservation list`. */
export function command(cli: Cli): Command {
  const list = new Command('list').description(
    'list the reserved addresses; those of zones, the host and the gateway among them',
  );
  return withExamples(
    addOutputOption(list, listFormats),
    ['protect network reservation list', 'see which addresses are taken'],
    ['protect network reservation list -o simple | cut -f 1', 'only the UUIDs'],
  ).action(async (options: { readonly output: ListFormat; readonly format?: ListFormat }) => {
    const reservations = await allPages(cli.control.listNetworkReservations({}), (page) => page.reservations);
    reservations.sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
    await printList(cli, reservationListing, reservations, outputFormat(options));
  });
}

function columns({ uuid, ipv4, ipv6, mac }: NetworkReservation): string[] {
  return [uuid, ipv4, ipv6, mac];
}
