import { toJson } from '@bufbuild/protobuf';
import {
  type Zone,
  ZoneNetworkIpVersion,
  ZoneSchema,
  ZoneState,
  ZoneStateSchema,
} from '@protect/proto/control-common';
import type { Colour } from './colours.ts';
import type { Listing } from './output-format.ts';
import { shortName } from './short-name.ts';
import type { Cell } from './table.ts';

/** How zones are listed. */
export const zoneListing: Listing<Zone> = {
  json: (zone) => toJson(ZoneSchema, zone),
  header: ['name', 'uuid', 'state', 'ipv4', 'ipv6'],
  row: (zone) => [
    { text: zone.spec?.name ?? '' },
    { text: zone.id },
    stateCell(zone.status?.state ?? ZoneState.UNKNOWN),
    { text: zoneAddress(zone, ZoneNetworkIpVersion.V4) },
    { text: zoneAddress(zone, ZoneNetworkIpVersion.V6) },
  ],
  simple: (zone) => [
    zone.id,
    zoneState(zone),
    zone.spec?.name ?? '',
    zoneAddress(zone, ZoneNetworkIpVersion.V4),
    zoneAddress(zone, ZoneNetworkIpVersion.V6),
  ],
  empty: 'no zones have been launched',
};

function zoneState(zone: Zone): string {
  return shortName(ZoneStateSchema, zone.status?.state ?? ZoneState.UNKNOWN);
}

/** A zone's first address of one family in CIDR form, or nothing. */
function zoneAddress(zone: Zone, version: ZoneNetworkIpVersion): string {
  const interfaces = zone.status?.networkStatus?.interfaces ?? [];
  const all = interfaces.flatMap(({ ips }) => ips);
  return all.find((ip) => ip.version === version)?.address ?? '';
}

function stateCell(state: ZoneState): Cell {
  const text = shortName(ZoneStateSchema, state);
  const colour = zoneStateColour(state);
  return colour === undefined ? { text } : { text, colour };
}

/** How well a zone is, as a colour. */
export function zoneStateColour(state: ZoneState): Colour | undefined {
  switch (state) {
    case ZoneState.DESTROYED:
    case ZoneState.FAILED:
      return 'red';
    case ZoneState.CREATING:
    case ZoneState.DESTROYING:
    case ZoneState.EXITED:
      return 'yellow';
    case ZoneState.CREATED:
    case ZoneState.READY:
      return 'green';
    default:
      return undefined;
  }
}
