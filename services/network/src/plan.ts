import type { ReservationId, ZoneId } from '@protect/config/ids';
import type { KernelLink } from './links/kernel-links.ts';
import { linkName } from './links/link-name.ts';
import { hasZone, type Reservation, type RetainedZone, type ZoneReservation } from './reservation.ts';
import type { ReservingZone } from './state/reservation-store.ts';

/** What PrepareZone has to do. */
export type PreparePlan =
  /** Reserve addresses and make the link. */
  | { readonly kind: 'make' }
  /** The link is made anew for the next generation; the addresses stay. */
  | { readonly kind: 'renew'; readonly held: ZoneReservation }
  /** Answer as before, and see that the link is in shape. */
  | { readonly kind: 'repeat'; readonly held: ZoneReservation }
  | { readonly kind: 'refuse'; readonly reason: string };

/** Compares what PrepareZone asks for with what is held. */
export function planPrepare(
  held: ZoneReservation | undefined,
  wish: ReservingZone & { readonly assume?: ReservationId },
): PreparePlan {
  if (held === undefined) return { kind: 'make' };
  if (wish.assume !== undefined && wish.assume !== held.id) {
    return {
      kind: 'refuse',
      reason: `zone ${wish.zoneId} has network reservation ${held.id}; it cannot assume ${wish.assume} too`,
    };
  }
  if (wish.generation > held.generation) return { kind: 'renew', held };
  if (wish.generation < held.generation) {
    return {
      kind: 'refuse',
      reason: `generation ${wish.generation} of zone ${wish.zoneId} is stale; generation ${held.generation} has been prepared since`,
    };
  }
  if (wish.uid !== held.uid || wish.kind !== held.kind) {
    return {
      kind: 'refuse',
      reason: `zone ${wish.zoneId} was prepared in generation ${held.generation} as a ${held.kind} for user ${held.uid}; prepare it anew with a higher generation`,
    };
  }
  return { kind: 'repeat', held };
}

/** One step that brings what is held in line with what the daemon retains. */
export type RetainAction =
  /** The reservation goes, or stands alone if it is kept; its link, if any, has an action of its own. */
  | { readonly kind: 'free-reservation'; readonly zoneId: ZoneId }
  | { readonly kind: 'remove-link'; readonly name: string }
  /** The database does not know the zone, its link does. */
  | { readonly kind: 'adopt'; readonly reservation: ZoneReservation };

/**
 * Reservations and links of zones that are not retained go, and so do links of an older generation than the
 * retained one, whose hypervisor is gone; a zone keeps its addresses over generations. A retained zone that
 * only its link knows is adopted, unless one of its addresses has been given away since. What stands alone stays.
 */
export function planRetain(
  all: readonly (Reservation | ZoneReservation)[],
  links: readonly KernelLink[],
  retained: readonly RetainedZone[],
): RetainAction[] {
  const keep = new Map(retained.map((zone) => [zone.zoneId, zone]));
  const held = all.filter(hasZone);
  const listed = held.filter(({ zoneId }) => keep.has(zoneId));
  const known = new Map(listed.map((reservation) => [linkName(reservation.zoneId), reservation]));
  const taken = new Set([...listed, ...all.filter(({ kept }) => kept)].flatMap(identities));
  const actions: RetainAction[] = held
    .filter(({ zoneId }) => !keep.has(zoneId))
    .map(({ zoneId }) => ({ kind: 'free-reservation', zoneId }));

  for (const { name, reservation: told } of links) {
    const reservation = known.get(name) ?? told;
    const wanted = reservation === undefined ? undefined : keep.get(reservation.zoneId);
    if (reservation === undefined || wanted === undefined || reservation.generation < wanted.generation) {
      actions.push({ kind: 'remove-link', name });
    } else if (!known.has(name)) {
      if (identities(reservation).some((identity) => taken.has(identity))) {
        actions.push({ kind: 'remove-link', name });
        continue;
      }
      for (const identity of identities(reservation)) taken.add(identity);
      actions.push({ kind: 'adopt', reservation });
    }
  }
  return actions;
}

function identities({ id, ipv4, ipv6, mac }: Reservation): string[] {
  return [id, ipv4.address, ipv6.address, mac];
}
