import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { type ConsoleLog, openConsoleLog } from '../hypervisor/console-log.ts';
import type { Domain } from '../hypervisor/hypervisor.ts';
import { waitFor } from '../state/wait-for.ts';
import type { ZoneRecord } from '../state/zone-record.ts';
import type { ReadyZone } from '../workloads/deps.ts';
import { launchZone } from './create.ts';
import type { ZoneDeps, ZoneWorkloads } from './deps.ts';
import { repeatNetwork } from './external-network.ts';
import { makeReady } from './make-ready.ts';
import { moveZone } from './move-zone.ts';
import { plan, type ZoneAction } from './plan.ts';
import { recordEnd } from './record-end.ts';
import { closeLink, letGo, machineOf, newRuntime, type Runtime } from './runtime.ts';
import { shutDownZone } from './shut-down.ts';
import { hopZone } from './state.ts';
import { teardownZone } from './teardown.ts';

const teardownMs = 60_000;
const retryMinMs = 1_000;
const retryMaxMs = 5_000;

/** Brings every zone to what is asked of it, one step after the other, and watches its machine. */
export class ZoneSupervisor implements AsyncDisposable {
  readonly #deps: ZoneDeps;
  readonly #workloads: ZoneWorkloads;
  readonly #runtimes = new Map<ZoneId, Runtime>();
  readonly #stop = new AbortController();

  constructor(deps: ZoneDeps, workloads: ZoneWorkloads) {
    this.#deps = deps;
    this.#workloads = workloads;
  }

  /** Looks at the zone anew and does what there is to do. */
  kick(id: ZoneId): void {
    if (this.#stop.signal.aborted) return;
    const runtime = this.#runtime(id);
    const wantsGone = this.#deps.state.zones.get(id)?.desired === 'gone';
    if (wantsGone) runtime.abort?.abort();
    if (runtime.driving !== undefined) {
      runtime.again = true;
      return;
    }
    runtime.driving = this.#drive(id, runtime).finally(() => {
      runtime.driving = undefined;
      if (runtime.again) this.kick(id);
    });
    this.#deps.background('drive zone', runtime.driving);
  }

  /** Begins with a zone that was just accepted. */
  begin(id: ZoneId): void {
    this.#runtime(id).fresh = true;
    this.kick(id);
  }

  /** Takes over a machine that an earlier daemon started. */
  takeOver(id: ZoneId, domain: Domain): void {
    this.#hold(this.#runtime(id), id, domain);
  }

  /** The zone once it is ready. NOT_FOUND, or FAILED_PRECONDITION when it never will be. */
  async whenReady(id: ZoneId, signal: AbortSignal): Promise<ReadyZone> {
    const look = () => {
      const record = this.#deps.state.zones.get(id);
      if (record === undefined) throw new ConnectError(`there is no zone ${id}`, Code.NotFound);
      const { state } = record.status;
      if (state === 'creating' || state === 'created') return undefined;
      const zone = state === 'ready' ? this.running(id) : undefined;
      if (zone !== undefined) return zone;
      throw new ConnectError(`zone ${id} is ${state} and takes nothing`, Code.FailedPrecondition);
    };
    return await waitFor(this.#deps.state, look, signal);
  }

  /** The zone when its machine runs now. */
  running(id: ZoneId): ReadyZone | undefined {
    const record = this.#deps.state.zones.get(id);
    const runtime = this.#runtimes.get(id);
    if (record === undefined || runtime?.domain === undefined || runtime.end !== undefined) return undefined;
    const { domain, link } = runtime;
    return {
      record,
      domain,
      connection: async (signal) => {
        if (link === undefined) throw new ConnectError(`zone ${id} has no channel yet`, Code.Unavailable);
        return await link.connected(signal);
      },
    };
  }

  /** The console of a zone whose machine runs now. */
  console(id: ZoneId): ConsoleLog | undefined {
    return this.#runtimes.get(id)?.console;
  }

  /** Lets go of all zones; their machines go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(
      [...this.#runtimes.values()].map(async (runtime) => {
        runtime.abort?.abort();
        await runtime.driving;
        await letGo(runtime);
      }),
    );
  }

  #runtime(id: ZoneId): Runtime {
    const runtime = this.#runtimes.get(id) ?? newRuntime();
    this.#runtimes.set(id, runtime);
    return runtime;
  }

  async #drive(id: ZoneId, runtime: Runtime): Promise<void> {
    let retryMs = retryMinMs;
    while (!this.#stop.signal.aborted) {
      runtime.again = false;
      const record = this.#deps.state.zones.get(id);
      if (record === undefined) {
        this.#runtimes.delete(id);
        return;
      }
      const [action] = plan(record.desired, {
        state: record.status.state,
        machine: machineOf(runtime),
        held: record.held,
        hasWorkloads: this.#deps.state.workloadsOf(id).some(({ desired }) => desired === 'present'),
      });
      if (action === undefined) return;
      try {
        await this.#apply(action, record, runtime);
        retryMs = retryMinMs;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#deps.logger.error(
          { err: error, zone: id, action: action.do, retryMs },
          'a step of a zone failed',
        );
        await delay(retryMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
        retryMs = Math.min(retryMs * 2, retryMaxMs);
      }
    }
  }

  async #apply(action: ZoneAction, record: ZoneRecord, runtime: Runtime): Promise<void> {
    switch (action.do) {
      case 'launch':
        return await this.#launch(record, runtime);
      case 'follow':
        return await this.#follow(record.id, runtime);
      case 'configure':
        return await makeReady(this.#deps, record, runtime, this.#stop.signal);
      case 'record-end':
        return await recordEnd(this.#deps, this.#workloads, record.id, action.end, runtime);
      case 'mark-destroying':
        return await moveZone(this.#deps.state, record.id, { state: 'destroying' });
      case 'dismiss-workloads':
        return await this.#workloads.zoneDestroying(record.id);
      case 'shut-down':
        return await this.#shutDown(record, runtime);
      case 'teardown':
        return await this.#teardown(record, runtime);
      case 'forget':
        return await this.#forget(record);
      default:
        return action satisfies never;
    }
  }

  async #launch(record: ZoneRecord, runtime: Runtime): Promise<void> {
    const { state, logger } = this.#deps;
    const { id } = record;
    const abort = new AbortController();
    runtime.abort = abort;
    try {
      let current = record;
      if (!runtime.fresh) {
        // An earlier attempt was interrupted, nobody knows where.
        await this.#clear(record, runtime);
        const again = (r: ZoneRecord) => ({ ...r, held: true, generation: r.generation + 1 });
        current = (await state.zones.update(id, again)) ?? record;
      }
      runtime.fresh = false;
      const undo = async () => {
        await this.#clear(current, runtime);
        await state.zones.update(id, (r) => ({ ...r, held: false }));
      };
      const { domain, placement } = await launchZone(this.#deps, current, undo, abort.signal);
      this.#hold(runtime, id, domain);
      await state.zones.update(id, (r) => ({
        ...r,
        placement,
        status: hopZone(r.status, { state: 'created' }),
      }));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const { rawMessage } = ConnectError.from(error);
      if (state.zones.get(id)?.desired === 'gone') return;
      logger.warn({ err: error, zone: id }, 'a zone could not be launched');
      await moveZone(this.#deps.state, id, { state: 'failed', message: rawMessage });
    } finally {
      runtime.abort = undefined;
    }
  }

  #hold(runtime: Runtime, id: ZoneId, domain: Domain): void {
    runtime.domain = domain;
    runtime.end = undefined;
    void domain.ended.then((end) => {
      if (runtime.domain !== domain) return;
      runtime.end = end;
      runtime.abort?.abort();
      this.kick(id);
    });
  }

  async #follow(id: ZoneId, runtime: Runtime): Promise<void> {
    const { domain } = runtime;
    if (domain === undefined) return;
    const { paths, config, logger, openLink } = this.#deps;
    // The log has two segments.
    const segmentBytes = config.runtime.limits.consoleLogMib * 512 * 1024;
    runtime.console = openConsoleLog(domain, paths.zoneConsoleLog(id), { logger, segmentBytes });
    runtime.link = openLink(domain, {
      onEvent: (event, connection) => this.#workloads.onZoneEvent(id, event, connection),
    });
    const gone = new AbortController();
    void domain.ended.then(() => gone.abort());
    const here = AbortSignal.any([this.#stop.signal, gone.signal]);
    this.#deps.background('resources', this.#deps.resizer.keep(id, here));
    const record = this.#deps.state.zones.get(id);
    if (record?.status.state !== 'ready') return;
    this.#deps.background(
      'network',
      repeatNetwork(record, runtime.link, { logger, signal: this.#stop.signal }),
    );
  }

  async #shutDown(record: ZoneRecord, runtime: Runtime): Promise<void> {
    const { state, logger } = this.#deps;
    const { domain, link } = runtime;
    if (domain === undefined || link?.hello === undefined) {
      await closeLink(runtime);
      return;
    }
    const running = state.workloadsOf(record.id).some((workload) => workload.run > 0);
    await shutDownZone(domain, link, running, this.#stop.signal).catch((error: unknown) => {
      logger.info({ err: error, zone: record.id }, 'the zone did not shut down by itself');
    });
    // Without a channel there is no second attempt.
    await closeLink(runtime);
  }

  async #teardown(record: ZoneRecord, runtime: Runtime): Promise<void> {
    await this.#workloads.zoneEnded(record.id, 'the zone has ended');
    await this.#clear(record, runtime);
    await this.#deps.state.zones.update(record.id, ({ placement: _, ...r }) => ({ ...r, held: false }));
  }

  async #clear(record: ZoneRecord, runtime: Runtime): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(teardownMs)]);
    await teardownZone(this.#deps, record, runtime.domain, signal);
    await letGo(runtime);
  }

  async #forget(record: ZoneRecord): Promise<void> {
    const { state, paths, records } = this.#deps;
    await this.#workloads.zoneGone(record.id);
    await records.forget(record.id);
    await rm(paths.zone(record.id), { recursive: true, force: true });
    await moveZone(this.#deps.state, record.id, { state: 'destroyed' });
    await state.zones.remove(record.id);
  }
}
