import { ownReservationId, type ReservationId, type ZoneId } from '@protect/config/ids';
import type { Database } from '@protect/service/database';
import { groupCommits } from '@protect/service/group-commits';
import { formatAddress, parseAddress } from '../addressing/ip-address.ts';
import { lowestFree } from '../addressing/lowest-free.ts';
import { gatewayMac, macFrom } from '../addressing/mac.ts';
import type { Subnet } from '../addressing/subnet.ts';
import { conflict, exhausted, missing } from '../errors.ts';
import {
  type Configuration,
  hasZone,
  type Reservation,
  type ReservedAddress,
  type ZoneReservation,
} from '../reservation.ts';
import { deleteReservation, insertReservation, readConfigurationRow, readReservationRow } from './rows.ts';

/** Reservations that no zone has, at most. */
export const maxStandingReservations = 4096;

/** The zone's part of its reservation. */
export type ReservingZone = Pick<ZoneReservation, 'zoneId' | 'generation' | 'uid' | 'kind'>;

type Subnets = Pick<Configuration, 'ipv4' | 'ipv6'>;
type AnyReservation = Reservation | ZoneReservation;

/**
 * The records of this service. Reads come from memory; a change settles once it is on disk. An address is
 * taken in memory at once and by a unique column on disk, so that no two zones ever have it.
 */
export interface ReservationStore {
  configuration(): Configuration | undefined;
  /** What a zone has. */
  reservation(zoneId: ZoneId): ZoneReservation | undefined;
  /** What zones have. */
  reservations(): ZoneReservation[];
  /** Everything, also what no zone has. */
  all(): AnyReservation[];
  find(id: ReservationId): AnyReservation | undefined;
  saveConfiguration(configuration: Configuration): Promise<void>;
  /** Takes the lowest free address of each subnet for a zone. RESOURCE_EXHAUSTED when one is full. */
  reserve(zone: ReservingZone, kept: boolean, subnets: Subnets): Promise<ZoneReservation>;
  /** The same for no zone yet; one that is there already stays as it is. */
  create(id: ReservationId, subnets: Subnets): Promise<AnyReservation>;
  /** Gives a reservation that stands alone to a zone. NOT_FOUND, or ABORTED naming the zone that has it. */
  assume(id: ReservationId, zone: ReservingZone): Promise<ZoneReservation>;
  /** Stores a reservation as it is, in place of the zone's present one. */
  put(reservation: ZoneReservation): Promise<void>;
  /** Takes the zone's reservation from it; the addresses are free unless it is kept. */
  free(zoneId: ZoneId): Promise<void>;
  /** Frees the addresses; false when there is none. ABORTED, naming the zone that has it. */
  destroy(id: ReservationId): Promise<boolean>;
}

/** Where the store gets its MAC addresses from: six bytes that nobody can guess. */
export type RandomMac = () => Uint8Array;

/** Reads all records of `database`. */
export async function openReservationStore(
  database: Pick<Database, 'read' | 'transaction'>,
  randomMac: RandomMac,
): Promise<ReservationStore> {
  const commit = groupCommits(database);
  const known = new Map<ReservationId, AnyReservation>();
  const ofZone = new Map<ZoneId, ReservationId>();
  /** Reservations on their way to a zone, or to nothing, with what is said of them meanwhile. */
  const busy = new Map<ReservationId, string>();
  /** Addresses of reservations on disk and of those on their way there. */
  const taken = { ipv4: new Set<bigint>(), ipv6: new Set<bigint>(), mac: new Set([gatewayMac]) };
  for (const row of await database.read('SELECT * FROM reservations')) {
    const reservation = readReservationRow(row);
    take(reservation);
    remember(reservation);
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

  function remember(reservation: AnyReservation): void {
    forget(reservation.id);
    known.set(reservation.id, reservation);
    if (hasZone(reservation)) ofZone.set(reservation.zoneId, reservation.id);
  }

  function forget(id: ReservationId): void {
    const before = known.get(id);
    if (before !== undefined && hasZone(before)) ofZone.delete(before.zoneId);
    known.delete(id);
  }

  async function write(reservation: AnyReservation): Promise<void> {
    await commit([deleteReservation(reservation.id), insertReservation(reservation)]);
    remember(reservation);
  }

  async function writeNew<T extends AnyReservation>(reservation: T): Promise<T> {
    take(reservation);
    try {
      await write(reservation);
    } catch (error) {
      giveBack(reservation);
      throw error;
    }
    return reservation;
  }

  async function erase(reservation: AnyReservation): Promise<void> {
    await commit([deleteReservation(reservation.id)]);
    forget(reservation.id);
    giveBack(reservation);
  }

  /** Nobody else changes the reservation meanwhile. */
  async function alone<T>(id: ReservationId, doing: string, work: () => Promise<T>): Promise<T> {
    busy.set(id, doing);
    try {
      return await work();
    } finally {
      busy.delete(id);
    }
  }

  function fresh(id: ReservationId, kept: boolean, subnets: Subnets): Reservation {
    return { id, kept, ipv4: pick(subnets.ipv4), ipv6: pick(subnets.ipv6), mac: pickMac() };
  }

  function ofZoneNow(zoneId: ZoneId): ZoneReservation | undefined {
    const id = ofZone.get(zoneId);
    const reservation = id === undefined ? undefined : known.get(id);
    return reservation !== undefined && hasZone(reservation) ? reservation : undefined;
  }

  return {
    configuration: () => configuration,
    reservation: ofZoneNow,
    reservations: () => [...known.values()].filter(hasZone),
    all: () => [...known.values()],
    find: (id) => known.get(id),
    async saveConfiguration(next) {
      await commit([
        {
          sql: 'INSERT OR REPLACE INTO configuration (id, revision, ipv4_subnet, ipv6_subnet, nameservers) VALUES (1, ?, ?, ?, ?)',
          params: [String(next.revision), next.ipv4.cidr, next.ipv6.cidr, JSON.stringify(next.nameservers)],
        },
      ]);
      configuration = next;
    },
    async reserve(zone, kept, subnets) {
      return await writeNew({ ...fresh(ownReservationId(zone.zoneId), kept, subnets), ...zone });
    },
    async create(id, subnets) {
      const present = known.get(id);
      if (present !== undefined) return present;
      if (busy.has(id)) throw conflict(`reservation ${id} ${busy.get(id)}`);
      const standing = [...known.values()].filter((reservation) => !hasZone(reservation)).length;
      if (standing >= maxStandingReservations) {
        const text = `${maxStandingReservations} reservations have no zone already; destroy some of them`;
        throw exhausted(text);
      }
      return await alone(id, 'is being made', () => writeNew(fresh(id, true, subnets)));
    },
    async assume(id, zone) {
      const reservation = known.get(id);
      if (reservation === undefined) throw missing(`there is no network reservation ${id}`);
      const doing = hasZone(reservation) ? `belongs to zone ${reservation.zoneId}` : busy.get(id);
      if (doing !== undefined) throw conflict(`network reservation ${id} ${doing}`);
      const assumed = { ...reservation, ...zone };
      await alone(id, `belongs to zone ${zone.zoneId}`, () => write(assumed));
      return assumed;
    },
    async put(reservation) {
      const before = known.get(reservation.id);
      take(reservation);
      await write(reservation);
      if (before === undefined) return;
      giveBack(before);
      take(reservation);
    },
    async free(zoneId) {
      const reservation = ofZoneNow(zoneId);
      if (reservation === undefined) return;
      const { id, kept, ipv4, ipv6, mac } = reservation;
      if (kept) await write({ id, kept, ipv4, ipv6, mac });
      else await erase(reservation);
    },
    async destroy(id) {
      const reservation = known.get(id);
      if (reservation === undefined) return false;
      const doing = hasZone(reservation) ? `belongs to zone ${reservation.zoneId}` : busy.get(id);
      if (doing !== undefined) throw conflict(`network reservation ${id} ${doing}`);
      await alone(id, 'is being destroyed', () => erase(reservation));
      return true;
    },
  };
}

function numberOf(family: 'ipv4' | 'ipv6', { address }: ReservedAddress): bigint {
  const number = parseAddress(family, address);
  if (number === undefined) throw new TypeError(`reserved address ${address} is not ${family}`);
  return number;
}
