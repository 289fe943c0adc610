import { rm } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { newWorkloadId, type WorkloadId, type ZoneId } from '@protect/config/ids';
import type { Event } from '@protect/proto/idm';
import type { IdmConnection } from '../idm/connection.ts';
import { waitFor } from '../state/wait-for.ts';
import type { WorkloadRecord, WorkloadSpec } from '../state/workload-record.ts';
import { isLive } from '../zones/state.ts';
import { admitWorkload } from './admission.ts';
import { bringUpWorkload } from './bring-up.ts';
import { checkAgainstImage } from './check-against-image.ts';
import { clearWorkload } from './clear.ts';
import { createDepartures } from './departures.ts';
import type { WorkloadDeps } from './deps.ts';
import { failWorkload, recordExit, recordRun, takeInventory } from './exits.ts';
import { keepTrying } from './keep-trying.ts';
import { createOutputLogs, type OutputLogs } from './output-logs.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { hopWorkload } from './state.ts';
import { stopWorkload } from './stop.ts';
import { createTurns } from './turns.ts';
import { checkWorkloadSpec } from './validate.ts';

/** Longest time from CreateWorkload to CREATED, the zone's own start included. */
const bringUpMs = 300_000;
const startDeadlineMs = 60_000;
const clearMs = 60_000;

/** The workloads of this host: what callers ask for, and what their zones tell of them. */
export class Workloads implements AsyncDisposable {
  readonly logs: OutputLogs;
  readonly sessions: Sessions;
  readonly #deps: WorkloadDeps;
  /** Accepted but not stored yet; they count for admission. */
  readonly #arriving = new Set<WorkloadRecord>();
  readonly #stop = new AbortController();
  readonly #turns = createTurns(this.#stop.signal);
  readonly #depart: (id: WorkloadId) => Promise<void>;

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
    this.logs = createOutputLogs(deps.paths, deps.limits.workloadLogMib);
    this.sessions = createSessions({ logs: this.logs, logger: deps.logger });
    const { logger, background } = deps;
    const attempt = (id: WorkloadId) => this.#finishDestroy(id);
    this.#depart = createDepartures({ attempt, logger, background, signal: this.#stop.signal });
  }

  /** Takes up what an earlier daemon left unfinished. */
  resume(): void {
    for (const record of this.#deps.state.workloads.all()) {
      if (record.desired === 'gone')
        this.#inBackground('resume', () => this.#depart(record.id).catch(() => undefined));
      else if (record.status.state === 'creating') this.#startBringUp(record);
    }
  }

  /** Accepts a workload and goes on to make it; its state tells the outcome. */
  async create(spec: WorkloadSpec): Promise<WorkloadId> {
    const { state, images } = this.#deps;
    checkWorkloadSpec(spec);
    const zone = state.zones.get(spec.zoneId);
    if (zone === undefined) throw new ConnectError(`there is no zone ${spec.zoneId}`, Code.NotFound);
    if (zone.desired === 'gone' || !isLive(zone.status.state)) {
      const text = `zone ${spec.zoneId} is ${zone.status.state}; a workload needs one that runs`;
      throw new ConnectError(text, Code.FailedPrecondition);
    }
    checkAgainstImage(spec, await images.find(spec.image));
    const record: WorkloadRecord = {
      version: 1,
      id: newWorkloadId(),
      spec,
      status: { state: 'creating' },
      desired: 'present',
      createdAtMs: Date.now(),
      revision: 0,
      run: 0,
    };
    admitWorkload(record, [...state.workloads.all(), ...this.#arriving], this.#deps.limits);
    this.#arriving.add(record);
    try {
      await state.workloads.insert(record);
    } finally {
      this.#arriving.delete(record);
    }
    this.#startBringUp(record);
    return record.id;
  }

  /** Starts a workload, again when it has ended; waits until it is made. */
  async start(id: WorkloadId, signal: AbortSignal): Promise<void> {
    const { state, zones } = this.#deps;
    await waitFor(state, () => (this.get(id).status.state === 'creating' ? undefined : true), signal);
    await this.#turns.take(id, async (aborted) => {
      const all = AbortSignal.any([signal, aborted]);
      const record = this.get(id);
      const { status } = record;
      if (status.state !== 'created' && status.state !== 'completed') {
        const why = status.state === 'failed' ? `: ${status.message}` : '';
        const text = `workload ${id} is ${status.state}${why}; it cannot be started`;
        throw new ConnectError(text, Code.FailedPrecondition);
      }
      await this.sessions.drained(id);
      const zone = await zones.whenReady(record.spec.zoneId, all);
      await zones.makeRoom(record.spec.zoneId, all);
      const connection = await zone.connection(all);
      const request = { case: 'startWorkload', value: { workloadId: id } } as const;
      const { response } = await connection.request(request, { deadlineMs: startDeadlineMs, signal: all });
      if (response.case !== 'startWorkload') {
        throw new ConnectError('the zone sent no number for the run', Code.Internal);
      }
      const { run } = response.value;
      const store = async () => {
        await recordRun(this.#deps, id, run);
        this.sessions.ensure(record, run, connection);
      };
      try {
        await store();
      } catch (error) {
        this.#inBackground('store a run', store, connection);
        throw error;
      }
    });
  }

  /** Ends a running workload: SIGTERM, and SIGKILL after `timeoutMs`. Settles once it has ended. */
  async stop(id: WorkloadId, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#turns.take(id, (aborted) =>
      stopWorkload(this.#deps, this.get(id), timeoutMs, AbortSignal.any([signal, aborted])),
    );
  }

  /**
   * Takes a workload away and settles when nothing is left of it; idempotent. Once accepted it goes on
   * when `signal` aborts, and after a restart of the daemon.
   */
  async destroy(id: WorkloadId, signal: AbortSignal): Promise<void> {
    this.get(id);
    await this.#deps.state.workloads.update(id, (current) =>
      current.desired === 'gone'
        ? current
        : { ...current, desired: 'gone', status: hopWorkload(current.status, { state: 'destroying' }) },
    );
    this.#turns.abort(id);
    const finished = this.#depart(id);
    const canceled = Promise.withResolvers<void>();
    const onAbort = () => canceled.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([finished, canceled.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** NOT_FOUND when there is no such workload. */
  get(id: WorkloadId): WorkloadRecord {
    const record = this.#deps.state.workloads.get(id);
    if (record !== undefined) return record;
    throw new ConnectError(`there is no workload ${id}`, Code.NotFound);
  }

  /** Takes what a zone tells by itself. */
  onZoneEvent(zoneId: ZoneId, { event }: Event, connection: IdmConnection): void {
    const deps = { ...this.#deps, sessions: this.sessions };
    if (event.case === 'inventory') {
      this.#inBackground(
        'take inventory',
        () => takeInventory(deps, zoneId, event.value, connection),
        connection,
      );
    } else if (event.case === 'workloadExited') {
      this.#inBackground(
        'workload exit',
        () => recordExit(deps, zoneId, event.value, connection),
        connection,
      );
    } else if (event.case === 'warning') {
      this.#deps.logger.warn({ zone: zoneId, warning: event.value.message }, 'the zone warns');
    }
  }

  /** The machine of a zone has ended: its workloads have, and no output follows. */
  async zoneEnded(zoneId: ZoneId, message: string): Promise<void> {
    await this.sessions.endAll(zoneId);
    for (const record of this.#deps.state.workloadsOf(zoneId)) {
      this.#turns.abort(record.id);
      if (record.run > 0) {
        const log = await this.logs.open(record);
        await log.endRun(record.run);
      }
      await failWorkload(this.#deps, record.id, message);
    }
  }

  /** The zone is on its way out, and all in it. */
  async zoneDestroying(zoneId: ZoneId): Promise<void> {
    for (const { id } of this.#deps.state.workloadsOf(zoneId)) {
      await this.#deps.state.workloads.update(id, (current) => ({
        ...current,
        desired: 'gone',
        status: hopWorkload(current.status, { state: 'destroying' }),
      }));
      this.#turns.abort(id);
    }
  }

  /** Nothing is left of the zone: forgets its workloads. */
  async zoneGone(zoneId: ZoneId): Promise<void> {
    for (const record of this.#deps.state.workloadsOf(zoneId)) await this.#forget(record);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.sessions.endAll();
    await this.logs[Symbol.asyncDispose]();
  }

  #startBringUp({ id }: WorkloadRecord): void {
    const work = () =>
      this.#turns.take(id, async (aborted) => {
        const record = this.#deps.state.workloads.get(id);
        if (record?.status.state !== 'creating' || record.desired === 'gone') return;
        const signal = AbortSignal.any([aborted, AbortSignal.timeout(bringUpMs)]);
        try {
          await bringUpWorkload(this.#deps, record, signal);
          await this.#deps.state.workloads.update(id, (current) => {
            const status = hopWorkload(current.status, { state: 'created' });
            return status === current.status ? current : { ...current, status };
          });
        } catch (error) {
          // Whoever aborted clears it; a daemon that stops leaves it to the next.
          if (aborted.aborted) return;
          const { rawMessage } = ConnectError.from(error);
          this.#deps.logger.warn({ err: error, workload: id }, 'a workload could not be made');
          await this.#clear(record);
          await failWorkload(this.#deps, id, rawMessage);
        }
      });
    this.#inBackground('create workload', work);
  }

  async #finishDestroy(id: WorkloadId): Promise<void> {
    await this.#turns.take(id, async () => {
      const record = this.#deps.state.workloads.get(id);
      if (record === undefined) return;
      await this.sessions.end(id);
      await this.#clear(record);
      await this.#forget(record);
    });
  }

  async #clear(record: WorkloadRecord): Promise<void> {
    const zoneGoes = () => this.#deps.state.zones.get(record.spec.zoneId)?.desired === 'gone';
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(clearMs)]);
    try {
      if (!zoneGoes()) await clearWorkload(this.#deps, record, signal);
    } catch (error) {
      // With its zone goes all that a workload has on the host.
      if (!zoneGoes()) throw error;
    }
  }

  async #forget(record: WorkloadRecord): Promise<void> {
    const { state, paths, records } = this.#deps;
    await this.logs.close(record.id);
    await records.forget(record.id);
    await rm(paths.workload(record.spec.zoneId, record.id), { recursive: true, force: true });
    await state.workloads.update(record.id, (current) => {
      const from = hopWorkload(current.status, { state: 'destroying' });
      return { ...current, status: hopWorkload(from, { state: 'destroyed' }) };
    });
    await state.workloads.remove(record.id);
  }

  /** Again until the database takes it, as long as this daemon and the connection live. */
  #inBackground(name: string, work: () => Promise<unknown>, connection?: IdmConnection): void {
    const { background, logger } = this.#deps;
    const over = new AbortController();
    void connection?.closed.then(() => over.abort());
    const signal = AbortSignal.any([this.#stop.signal, over.signal]);
    background(
      name,
      keepTrying(name, work, { logger, signal }).catch((error: unknown) => {
        if (signal.aborted) return;
        logger.error({ err: error }, `${name} failed`);
      }),
    );
  }
}
