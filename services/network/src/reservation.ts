import type { ReservationId, ZoneId } from '@protect/config/ids';
import type { Subnet } from './addressing/subnet.ts';

/** An address and the prefix length of the subnet it was taken from. */
export interface ReservedAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** Who makes the host's end of a link: this service a tap, or the hypervisor's back end a vif. */
export type LinkKind = 'tap' | 'vif';

/** Addresses that nobody else gets, with a zone or on their own. */
export interface Reservation {
  readonly id: ReservationId;
  readonly ipv4: ReservedAddress;
  readonly ipv6: ReservedAddress;
  readonly mac: string;
  /** Stays when its zone is gone, until it is destroyed; without a zone always true. */
  readonly kept: boolean;
}

/** What a zone's link is made of; it keeps its addresses as long as the zone exists. */
export interface ZoneReservation extends Reservation {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  /** User of the hypervisor process, which may open the tap. */
  readonly uid: number;
  readonly kind: LinkKind;
}

/** Whether a zone has it now. */
export function hasZone(reservation: Reservation | ZoneReservation): reservation is ZoneReservation {
  return 'zoneId' in reservation;
}

/** The service's part of daemon.toml. */
export interface Configuration {
  readonly revision: bigint;
  readonly ipv4: Subnet;
  readonly ipv6: Subnet;
  readonly nameservers: readonly string[];
}

/** A zone that the daemon wants to keep. */
export interface RetainedZone {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
}
