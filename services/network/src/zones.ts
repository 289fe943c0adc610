import { ownReservationId, type ReservationId, type ZoneId } from '@protect/config/ids';
import { createLocks } from '@protect/service/locks';
import { internal, refused } from './errors.ts';
import { enableForwarding } from './forwarding.ts';
import type { KernelLink, KernelLinks } from './links/kernel-links.ts';
import { linkAlias, linkName } from './links/link-name.ts';
import type { Namespace } from './namespace.ts';
import { planPrepare, planRetain, type RetainAction } from './plan.ts';
import type { PacketFilter } from './policy/packet-filter.ts';
import type { Configuration, Reservation, RetainedZone, ZoneReservation } from './reservation.ts';
import type { ReservationStore, ReservingZone } from './state/reservation-store.ts';

/** Everything in the service happens under this key: Configure alone, all else together. */
const wholeService = 'service';

/** Undoing has a deadline of its own, since the caller's may be why there is something to undo. */
const undoTimeoutMs = 10_000;

export interface PrepareZone extends ReservingZone {
  /** The reservation to take in place of a new one. */
  readonly assume?: ReservationId;
  /** Whether the zone's reservation shall stay when the zone is gone. */
  readonly keep: boolean;
}

export interface AttachInterface {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  /** Its present name. */
  readonly hostInterface: string;
}

/** The links of all zones. Every operation may be repeated, also after a crash in the middle of it. */
export interface Zones {
  /** FAILED_PRECONDITION before the first Configure. */
  configuration(): Configuration;
  configured(): boolean;
  /** Brings the kernel in line with what was known before this process started. */
  resume(signal: AbortSignal): Promise<void>;
  configure(
    configuration: Configuration,
    retained: readonly RetainedZone[],
    signal: AbortSignal,
  ): Promise<void>;
  prepare(request: PrepareZone, signal: AbortSignal): Promise<ZoneReservation>;
  /** Makes an interface of the hypervisor's own the link of a zone that was prepared for one. */
  attach(request: AttachInterface, signal: AbortSignal): Promise<void>;
  release(zoneId: ZoneId, signal: AbortSignal): Promise<void>;
  /** All that is reserved, for zones and on its own. */
  reservations(): (Reservation | ZoneReservation)[];
  /** Reserves addresses for no zone yet; the same id gives the same ones. */
  createReservation(id: ReservationId): Promise<Reservation>;
  /** False when there is none. ABORTED while a zone has it. */
  destroyReservation(id: ReservationId): Promise<boolean>;
}

export interface ZonesDeps {
  readonly store: ReservationStore;
  readonly namespace: Namespace;
  readonly links: KernelLinks;
  readonly filter: PacketFilter;
}

export function createZones({ store, namespace, links, filter }: ZonesDeps): Zones {
  const locks = createLocks();
  const alone = <T>(zoneId: ZoneId, operation: () => Promise<T>) =>
    locks.shared(wholeService, () => locks.exclusive(zoneId, operation));
  /** Names of the links that this process has seen or made; a new zone's launch asks no tool for them. */
  const present = new Set<string>();

  function configuration(): Configuration {
    const known = store.configuration();
    if (known === undefined) throw refused('protect-network has no configuration yet; call Configure first');
    return known;
  }

  async function listLinks(signal: AbortSignal): Promise<KernelLink[]> {
    const found = await links.list(signal);
    present.clear();
    for (const link of found) present.add(link.name);
    return found;
  }

  async function removeLink(name: string, signal: AbortSignal): Promise<void> {
    if (!present.has(name)) return;
    await links.remove(name, signal);
    present.delete(name);
  }

  /** The policy comes first, so that no link is ever up without it. */
  async function enforce(reservation: ZoneReservation, signal: AbortSignal): Promise<void> {
    const name = linkName(reservation.zoneId);
    await filter.add(reservation, signal);
    const create = !present.has(name);
    // A vif comes later, with its machine.
    if (create && reservation.kind === 'vif') return;
    present.add(name);
    await links.put(reservation, { create, signal });
  }

  async function make(zone: PrepareZone, signal: AbortSignal): Promise<ZoneReservation> {
    const { assume, keep, ...reserving } = zone;
    const own = ownReservationId(zone.zoneId);
    // A zone that is made anew takes what an earlier attempt has left it.
    const present = assume ?? (store.find(own) === undefined ? undefined : own);
    const reservation =
      present === undefined
        ? await store.reserve(reserving, keep, configuration())
        : await store.assume(present, reserving);
    try {
      await removeLink(linkName(zone.zoneId), signal);
      await enforce(reservation, signal);
    } catch (error) {
      await undo(reservation);
      if (present === undefined) await store.destroy(reservation.id);
      throw internal(error, `make the link of zone ${zone.zoneId}`);
    }
    return reservation;
  }

  async function undo({ zoneId }: ZoneReservation): Promise<void> {
    const signal = AbortSignal.timeout(undoTimeoutMs);
    await removeLink(linkName(zoneId), signal);
    await filter.remove(zoneId, signal);
    await store.free(zoneId);
  }

  async function renew(
    held: ZoneReservation,
    zone: PrepareZone,
    signal: AbortSignal,
  ): Promise<ZoneReservation> {
    const renewed = { ...held, generation: zone.generation, uid: zone.uid, kind: zone.kind };
    await store.put(renewed);
    await removeLink(linkName(zone.zoneId), signal);
    await enforce(renewed, signal);
    return renewed;
  }

  async function repeat(held: ZoneReservation, signal: AbortSignal): Promise<ZoneReservation> {
    const name = linkName(held.zoneId);
    const link = (await links.list(signal)).find((found) => found.name === name);
    if (link === undefined) {
      present.delete(name);
    } else {
      present.add(name);
      if (!madeFor(link, held)) await removeLink(name, signal);
    }
    await enforce(held, signal);
    return held;
  }

  async function prepare(zone: PrepareZone, signal: AbortSignal): Promise<ZoneReservation> {
    signal.throwIfAborted();
    configuration();
    const plan = planPrepare(store.reservation(zone.zoneId), zone);
    switch (plan.kind) {
      case 'refuse':
        throw refused(plan.reason);
      case 'make':
        return make(zone, signal);
      case 'renew':
        return renew(plan.held, zone, signal);
      case 'repeat':
        return repeat(plan.held, signal);
    }
  }

  async function attach(request: AttachInterface, signal: AbortSignal): Promise<void> {
    const { zoneId, generation, hostInterface } = request;
    const held = store.reservation(zoneId);
    if (held?.kind !== 'vif' || held.generation !== generation) {
      throw refused(
        `zone ${zoneId} was not prepared for a vif in generation ${generation}; prepare it first`,
      );
    }
    const name = linkName(zoneId);
    if (hostInterface !== name) await links.adopt(hostInterface, held, signal);
    present.add(name);
    await links.put(held, { create: false, signal });
  }

  async function retain(action: RetainAction, signal: AbortSignal): Promise<void> {
    switch (action.kind) {
      case 'remove-link':
        return removeLink(action.name, signal);
      case 'free-reservation':
        return store.free(action.zoneId);
      case 'adopt':
        return store.put(action.reservation);
    }
  }

  async function configure(
    next: Configuration,
    retained: readonly RetainedZone[],
    signal: AbortSignal,
  ): Promise<void> {
    await store.saveConfiguration(next);
    await enableForwarding(namespace, signal);
    // Links go before reservations, else a freed address could have two links for a moment.
    const actions = planRetain(store.all(), await listLinks(signal), retained);
    const ordered = actions.toSorted((a, b) => order(a) - order(b));
    for (const action of ordered) await retain(action, signal);
    await filter.replaceAll(store.reservations(), signal);
  }

  async function release(zoneId: ZoneId, signal: AbortSignal): Promise<void> {
    await removeLink(linkName(zoneId), signal);
    await filter.remove(zoneId, signal);
    await store.free(zoneId);
  }

  async function resume(signal: AbortSignal): Promise<void> {
    if (store.configuration() === undefined) return;
    await enableForwarding(namespace, signal);
    await listLinks(signal);
    await filter.replaceAll(store.reservations(), signal);
  }

  const told = async <T>(what: string, operation: () => Promise<T>) => {
    try {
      return await operation();
    } catch (error) {
      throw internal(error, what);
    }
  };
  return {
    configuration,
    configured: () => store.configuration() !== undefined,
    resume: (signal) => locks.exclusive(wholeService, () => resume(signal)),
    configure: (next, retained, signal) =>
      locks.exclusive(wholeService, () =>
        told('bring the links in line with the configuration', () => configure(next, retained, signal)),
      ),
    prepare: (request, signal) =>
      alone(request.zoneId, () => told(`prepare zone ${request.zoneId}`, () => prepare(request, signal))),
    attach: (request, signal) =>
      alone(request.zoneId, () =>
        told(`attach the interface of zone ${request.zoneId}`, () => attach(request, signal)),
      ),
    release: (zoneId, signal) =>
      alone(zoneId, () => told(`release zone ${zoneId}`, () => release(zoneId, signal))),
    reservations: store.all,
    createReservation: (id) =>
      locks.shared(wholeService, () => told('reserve', () => store.create(id, configuration()))),
    destroyReservation: (id) =>
      locks.shared(wholeService, () => told(`destroy reservation ${id}`, () => store.destroy(id))),
  };
}

/** Whether the link was made for this very reservation, and not for an earlier generation of the zone. */
function madeFor(link: KernelLink, reservation: ZoneReservation): boolean {
  return link.reservation !== undefined && linkAlias(link.reservation) === linkAlias(reservation);
}

function order(action: RetainAction): number {
  return action.kind === 'remove-link' ? 0 : 1;
}
