import type { ZoneId } from '@protect/config/ids';
import type { Database } from '@protect/service/database';
import { groupCommits } from '@protect/service/group-commits';
import { formatAddress, parseAddress } from '../addressing/ip-address.ts';
import { lowestFree } from '../addressing/lowest-free.ts';
import { gatewayMac, macFrom } from '../addressing/mac.ts';
import type { Subnet } from '../addressing/subnet.ts';
import { exhausted } from '../errors.ts';
import type { Configuration, Reservation, ReservedAddress } from '../reservation.ts';
import { readConfigurationRow, readReservationRow } from './rows.ts';

/**
 * The records of this service. Reads come from memory; a change settles once it is on disk. An address is
 * taken in memory at once and by a unique column on disk, so that no two zones ever have it.
 */
export interface ReservationStore {
  configuration(): Configuration | undefined;
  reservation(zoneId: ZoneId): Reservation | undefined;
  reservations(): Reservation[];
  saveConfiguration(configuration: Configuration): Promise<void>;
  /** Takes the lowest free address of each subnet. RESOURCE_EXHAUSTED when one is full. */
  reserve(
    zone: Pick<Reservation, 'zoneId' | 'generation' | 'uid' | 'kind'>,
    subnets: Pick<Configuration, 'ipv4' | 'ipv6'>,
  ): Promise<Reservation>;
  /** Stores a reservation as it is, in place of the zone's present one. */
  put(reservation: Reservation): Promise<void>;
  free(zoneId: ZoneId): Promise<void>;
}

/** Where the store gets its MAC addresses from: six bytes that nobody can guess. */
export type RandomMac = () => Uint8Array;

/** Reads all records of `database`. */
export async function openReservationStore(
  database: Pick<Database, 'read' | 'transaction'>,
  randomMac: RandomMac,
): Promise<ReservationStore> {
  const commit = groupCommits(database);
  const held = new Map<ZoneId, Reservation>();
  /** Addresses of reservations on disk and of those on their way there. */
  const taken = { ipv4: new Set<bigint>(), ipv6: new Set<bigint>(), mac: new Set([gatewayMac]) };
  for (const row of await database.read('SELECT * FROM reservations')) {
    const reservation = readReservationRow(row);
    held.set(reservation.zoneId, reservation);
    take(reservation);
  }
  let configuration = (await database.read('SELECT * FROM configuration')).map(readConfigurationRow)[0];

  function take({ ipv4, ipv6, mac }: Reservation): void {
    taken.ipv4.add(numberOf('ipv4', ipv4));
    taken.ipv6.add(numberOf('ipv6', ipv6));
    taken.mac.add(mac);
  }

  function giveBack({ ipv4, ipv6, mac }: Reservation): void {
    taken.ipv4.delete(numberOf('ipv4', ipv4));
    taken.ipv6.delete(numberOf('ipv6', ipv6));
    taken.mac.delete(mac);
  }

  function pick(subnet: Subnet): ReservedAddress {
    const number = lowestFree(subnet, taken[subnet.family]);
    if (number === undefined) {
      throw exhausted(
        `no free address in ${subnet.family} subnet ${subnet.cidr}; destroy a zone or enlarge it`,
      );
    }
    return { address: formatAddress(subnet.family, number), prefixLength: subnet.prefixLength };
  }

  function pickMac(): string {
    let mac = macFrom(randomMac());
    while (taken.mac.has(mac)) mac = macFrom(randomMac());
    return mac;
  }

  async function write(reservation: Reservation): Promise<void> {
    const { zoneId, generation, uid, ipv4, ipv6, mac, kind } = reservation;
    await commit([
      { sql: 'DELETE FROM reservations WHERE zone_id = ?', params: [zoneId] },
      {
        sql: 'INSERT INTO reservations (zone_id, generation, uid, ipv4, ipv4_prefix_length, ipv6, ipv6_prefix_length, mac, kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        params: [
          zoneId,
          String(generation),
          uid,
          ipv4.address,
          ipv4.prefixLength,
          ipv6.address,
          ipv6.prefixLength,
          mac,
          kind,
        ],
      },
    ]);
    held.set(zoneId, reservation);
  }

  return {
    configuration: () => configuration,
    reservation: (zoneId) => held.get(zoneId),
    reservations: () => [...held.values()],
    async saveConfiguration(next) {
      await commit([
        {
          sql: 'INSERT OR REPLACE INTO configuration (id, revision, ipv4_subnet, ipv6_subnet, nameservers) VALUES (1, ?, ?, ?, ?)',
          params: [String(next.revision), next.ipv4.cidr, next.ipv6.cidr, JSON.stringify(next.nameservers)],
        },
      ]);
      configuration = next;
    },
    async reserve(zone, subnets) {
      const reservation = { ...zone, ipv4: pick(subnets.ipv4), ipv6: pick(subnets.ipv6), mac: pickMac() };
      take(reservation);
      try {
        await write(reservation);
      } catch (error) {
        giveBack(reservation);
        throw error;
      }
      return reservation;
    },
    async put(reservation) {
      const before = held.get(reservation.zoneId);
      take(reservation);
      await write(reservation);
      if (before === undefined) return;
      giveBack(before);
      take(reservation);
    },
    async free(zoneId) {
      const reservation = held.get(zoneId);
      if (reservation === undefined) return;
      await commit([{ sql: 'DELETE FROM reservations WHERE zone_id = ?', params: [zoneId] }]);
      held.delete(zoneId);
      giveBack(reservation);
    },
  };
}

function numberOf(family: 'ipv4' | 'ipv6', { address }: ReservedAddress): bigint {
  const number = parseAddress(family, address);
  if (number === undefined) throw new TypeError(`reserved address ${address} is not ${family}`);
  return number;
}
