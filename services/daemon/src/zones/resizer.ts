import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { createLocks } from '@protect/service/locks';
import type { Logger } from 'pino';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import type { State } from '../state/state.ts';
import { waitFor } from '../state/wait-for.ts';
import { currentResources, type ZoneRecord, type ZoneResources } from '../state/zone-record.ts';
import type { ReadyZone, ZoneAccess } from '../workloads/deps.ts';
import { admitGrowth, freeMemoryMib, type HostMemory } from './admission.ts';
import { applyResources, type Resized } from './apply-resources.ts';
import { firstLookMs, nextLookMs, nextTargetMib } from './memory-policy.ts';
import { createMemoryReader, type MemoryReader } from './memory-use.ts';
import type { PendingRecords } from './pending-records.ts';
import { changedResources } from './resource-change.ts';

/** Longest wait for a zone that is being made or connects anew. */
const zoneMs = 60_000;

/** Longest time that the policy waits for a zone to follow or to tell its use; it looks again then. */
const followMs = 10_000;

/** How long a zone keeps its memory after the start of a workload, which needs a while to use it. */
const startGraceMs = 10_000;

export interface ResizerDeps {
  readonly state: State;
  readonly hypervisor: Pick<Hypervisor, 'capabilities'>;
  readonly zones: Pick<ZoneAccess, 'whenReady' | 'running'>;
  readonly pending: PendingRecords;
  readonly hostMemory: () => Promise<HostMemory>;
  readonly hostCpus: number;
  readonly logger: Logger;
}

/** Changes what running zones have: recorded first, then carried out, one change of a zone after the other. */
export interface Resizer {
  /**
   * What a caller asks for; 0 and `unknown` leave what is. INVALID_ARGUMENT and FAILED_PRECONDITION as
   * `changedResources` says, also for less memory than the zone uses; RESOURCE_EXHAUSTED when the host has none
   * left; DEADLINE_EXCEEDED when it is recorded and the zone has not followed yet.
   */
  update(id: ZoneId, asked: ZoneResources, signal: AbortSignal): Promise<void>;
  /**
   * Once the zone is ready, gives it again what is recorded, since an earlier daemon may have been interrupted; then follows its
   * use while its policy is dynamic. Settles when `signal` aborts.
   */
  keep(id: ZoneId, signal: AbortSignal): Promise<void>;
  /** Grows a zone whose policy is dynamic, as far as the host has room, for a workload that is about to start. */
  makeRoom(id: ZoneId, signal: AbortSignal): Promise<void>;
}

export function createResizer(deps: ResizerDeps): Resizer {
  const { state, hypervisor, zones, pending, hostMemory, hostCpus, logger } = deps;
  const locks = createLocks();
  const memoryUse = createMemoryReader();
  /** When a workload of a zone was last about to start, as `performance.now` counts. */
  const starts = new Map<ZoneId, number>();
  /** Zones whose machine may have something else than is recorded. */
  const unsettled = new Set<ZoneId>();

  /** Records what the zone shall have, reserving it. Its machine still has what it had. */
  async function record(id: ZoneId, resources: ZoneResources): Promise<void> {
    const memory = await hostMemory();
    const before = readyRecord(id);
    admitGrowth(id, resources.targetMemoryMib, pending.known(), memory);
    unsettled.add(id);
    await pending.during({ ...before, resources }, () =>
      state.zones.update(id, (current) =>
        current.status.state === 'ready' ? { ...current, resources } : current,
      ),
    );
    readyRecord(id);
  }

  function readyRecord(id: ZoneId): ZoneRecord {
    const found = state.zones.get(id);
    if (found === undefined) throw new ConnectError(`there is no zone ${id}`, Code.NotFound);
    if (found.status.state === 'ready') return found;
    const text = `zone ${id} is ${found.status.state}, and only one that runs can be resized`;
    throw new ConnectError(text, Code.FailedPrecondition);
  }

  /** The zone and what it should have while its policy is dynamic and it runs. */
  function dynamicZone(id: ZoneId): { zone: ReadyZone; resources: ZoneResources } | undefined {
    const found = state.zones.get(id);
    if (found?.status.state !== 'ready' || !hypervisor.capabilities.memoryBalloon) return undefined;
    const resources = currentResources(found);
    const zone = resources.policy === 'dynamic' ? zones.running(id) : undefined;
    return zone === undefined ? undefined : { zone, resources };
  }

  /** Moves a dynamic zone's memory, or less of it than wanted where the host has no more. True when it moves. */
  async function move(
    { zone, resources }: { zone: ReadyZone; resources: ZoneResources },
    wantedMib: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { id } = zone.record;
    const now = resources.targetMemoryMib;
    const room = wantedMib > now ? freeMemoryMib(pending.known(), await hostMemory()) : 0;
    const targetMemoryMib = Math.min(wantedMib, now + room);
    if (targetMemoryMib === now) return false;
    if (targetMemoryMib < wantedMib) {
      logger.info({ zone: id, wantedMib, targetMemoryMib }, 'a zone could use more memory than the host has');
    }
    await record(id, { ...resources, targetMemoryMib });
    logger.debug({ zone: id, fromMib: now, toMib: targetMemoryMib }, 'a zone’s memory follows its use');
    await settle(zone, targetMemoryMib, signal);
    return true;
  }

  /** Has a zone come to what is recorded; one that does not yet is asked again at the next look. */
  async function settle(zone: ReadyZone, memoryMib: number, signal: AbortSignal): Promise<void> {
    const { id } = zone.record;
    try {
      await zone.domain.setMemory(memoryMib, AbortSignal.any([signal, AbortSignal.timeout(followMs)]));
      unsettled.delete(id);
    } catch (error) {
      if (signal.aborted) throw error;
      logger.debug({ err: error, zone: id, memoryMib }, 'a zone has not followed yet');
    }
  }

  /** One look at a dynamic zone's use; true when its memory changes. */
  async function look(id: ZoneId, signal: AbortSignal): Promise<boolean> {
    const found = dynamicZone(id);
    if (found === undefined) return false;
    const { targetMemoryMib: targetMib, minMemoryMib: minMib, maxMemoryMib: maxMib } = found.resources;
    if (unsettled.has(id)) await settle(found.zone, targetMib, signal);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(followMs)]);
    const use = await memoryUse.read(found.zone, targetMib, limit);
    const wantedMib = nextTargetMib({ ...use, targetMib, minMib, maxMib });
    const sinceStart = performance.now() - (starts.get(id) ?? Number.NEGATIVE_INFINITY);
    if (wantedMib < targetMib && sinceStart < startGraceMs) return false;
    return await move(found, wantedMib, signal);
  }

  async function follow(id: ZoneId, signal: AbortSignal): Promise<void> {
    let waitMs = firstLookMs;
    while (!signal.aborted) {
      await waitFor(state, () => dynamicZone(id), signal);
      await delay(waitMs, undefined, { signal });
      const changed = await locks
        .exclusive(id, () => look(id, signal))
        .catch((error: unknown) => {
          if (!signal.aborted)
            logger.debug({ err: error, zone: id }, 'a zone’s memory does not follow its use yet');
          return false;
        });
      waitMs = nextLookMs(waitMs, changed);
    }
  }

  async function repeat(id: ZoneId, signal: AbortSignal): Promise<void> {
    const zone = zones.running(id);
    const resources = state.zones.get(id)?.resources;
    if (zone !== undefined && resources !== undefined)
      await applyResources(zone, undefined, resources, signal);
  }

  return {
    async update(id, asked, signal) {
      const all = AbortSignal.any([signal, AbortSignal.timeout(zoneMs)]);
      await locks.exclusive(id, async () => {
        const zone = await zones.whenReady(id, all);
        const before = readyRecord(id);
        const next = changedResources(before, asked, { cpus: hostCpus, hypervisor: hypervisor.capabilities });
        await checkUse(memoryUse, zone, currentResources(before), next, all);
        const known = unsettled.has(id) ? undefined : currentResources(before);
        await record(id, next);
        // Not cut off by a caller that goes away: what is recorded is carried out.
        await applyResources(zone, known, next, AbortSignal.timeout(zoneMs));
        unsettled.delete(id);
      });
    },

    async keep(id, signal) {
      try {
        await waitFor(state, () => state.zones.get(id)?.status.state === 'ready' || undefined, signal);
        const limit = AbortSignal.any([signal, AbortSignal.timeout(zoneMs)]);
        await locks
          .exclusive(id, () => repeat(id, limit))
          .catch((error: unknown) => {
            if (!signal.aborted)
              logger.warn({ err: error, zone: id }, 'a zone could not be given its resources again');
          });
        await follow(id, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        starts.delete(id);
        memoryUse.forget(id);
        unsettled.delete(id);
      }
    },

    async makeRoom(id, signal) {
      if (dynamicZone(id) === undefined) return;
      starts.set(id, performance.now());
      await locks
        .exclusive(id, async () => {
          const found = dynamicZone(id);
          if (found !== undefined) await move(found, found.resources.maxMemoryMib, signal);
        })
        .catch((error: unknown) => {
          if (signal.aborted) throw error;
          logger.warn({ err: error, zone: id }, 'a zone did not grow before a workload');
        });
    },
  };
}

/** A zone that is asked for memory that its programs use would kill some of them. */
async function checkUse(
  memoryUse: MemoryReader,
  zone: ReadyZone,
  before: Resized,
  next: Resized,
  signal: AbortSignal,
): Promise<void> {
  if (next.targetMemoryMib >= before.targetMemoryMib) return;
  const use = await memoryUse.read(zone, before.targetMemoryMib, signal);
  const usedMib = use.usedMib + use.reservedMib;
  if (usedMib < next.targetMemoryMib) return;
  const text =
    `zone ${zone.record.id} uses ${usedMib} MiB of memory and cannot do with ${next.targetMemoryMib} MiB; ` +
    'ask for more, or end some of its workloads';
  throw new ConnectError(text, Code.FailedPrecondition);
}
