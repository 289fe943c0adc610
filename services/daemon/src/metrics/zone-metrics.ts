import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { Logger } from 'pino';
import type { DomainUsage } from '../hypervisor/domain-usage.ts';
import type { Domain } from '../hypervisor/hypervisor.ts';
import { metricAnswerMs } from '../limits.ts';
import type { ReadyZone } from '../workloads/deps.ts';
import type { ZoneSupervisor } from '../zones/supervisor.ts';
import type { Zones } from '../zones/zones.ts';
import { CpuWindow, usagePercent } from './cpu-window.ts';
import { readZoneReport, type ZoneReport } from './zone-report.ts';

/** What is known of a zone from two sides, of which one may be silent. */
export interface ZoneMetrics {
  /** The zone's own word. */
  readonly report: ZoneReport | undefined;
  /** How busy its processors are, percent; empty when the zone is silent. */
  readonly cpuUsage: ReadonlyMap<number, number>;
  /** The hypervisor's word. */
  readonly hypervisor: DomainUsage | undefined;
  /** Why a side is silent, for a person. */
  readonly silence: string | undefined;
}

export interface ZoneMetricsReader {
  /**
   * Asks a zone, with or without its processes, and its hypervisor. NOT_FOUND; FAILED_PRECONDITION when the zone has no machine now; the zone's error
   * when neither answers in time.
   */
  read(id: ZoneId, what: { readonly processes: boolean }, signal: AbortSignal): Promise<ZoneMetrics>;
}

interface ZoneMetricsDeps {
  readonly zones: Pick<Zones, 'get'>;
  readonly supervisor: Pick<ZoneSupervisor, 'running'>;
  readonly logger: Logger;
}

export function createZoneMetrics({ zones, supervisor, logger }: ZoneMetricsDeps): ZoneMetricsReader {
  const windows = new WeakMap<Domain, CpuWindow>();

  async function report(zone: ReadyZone, processes: boolean, signal: AbortSignal): Promise<ZoneReport> {
    const connection = await zone.connection(signal);
    const request = { case: 'metrics', value: { processes } } as const;
    const { response } = await connection.request(request, { deadlineMs: metricAnswerMs, signal });
    if (response.case !== 'metrics') throw new ConnectError('the zone sent no metrics', Code.Internal);
    return readZoneReport(response.value, zone.record.spec.resources.maxCpus);
  }

  /** A report with how busy the zone was before it; the first one takes two looks. */
  async function measured(zone: ReadyZone, processes: boolean, signal: AbortSignal) {
    const window = windows.get(zone.domain) ?? new CpuWindow();
    windows.set(zone.domain, window);
    let seen = await report(zone, processes, signal);
    let before = window.before(performance.now());
    if (before === undefined) {
      before = { atMs: performance.now(), cpus: seen.cpus };
      window.add(before);
      await delay(CpuWindow.pauseMs, undefined, { signal });
      seen = await report(zone, processes, signal);
    }
    const sample = { atMs: performance.now(), cpus: seen.cpus };
    window.add(sample);
    return { report: seen, cpuUsage: usagePercent(before, sample) };
  }

  return {
    async read(id, { processes }, signal) {
      const record = zones.get(id);
      const zone = supervisor.running(id);
      if (zone === undefined) {
        const text = `zone ${id} is ${record.status.state} and has no metrics; a zone has them while it runs`;
        throw new ConnectError(text, Code.FailedPrecondition);
      }
      const late = AbortSignal.timeout(metricAnswerMs);
      const limit = AbortSignal.any([signal, late]);
      const [inside, outside] = await Promise.allSettled([
        measured(zone, processes, limit),
        zone.domain.usage(limit),
      ]);
      signal.throwIfAborted();
      if (outside.status === 'rejected') {
        logger.warn({ err: outside.reason, zone: id }, 'the hypervisor tells nothing of a zone');
      }
      const hypervisor = outside.status === 'fulfilled' ? outside.value : undefined;
      if (inside.status === 'fulfilled') {
        const silence =
          outside.status === 'rejected' ? 'the hypervisor tells nothing of the zone' : undefined;
        return { ...inside.value, hypervisor, silence };
      }
      const reason = late.aborted
        ? new ConnectError(`zone ${id} did not answer within ${metricAnswerMs} ms`, Code.DeadlineExceeded)
        : ConnectError.from(inside.reason);
      if (hypervisor === undefined) throw reason;
      return { report: undefined, cpuUsage: new Map(), hypervisor, silence: reason.rawMessage };
    },
  };
}
