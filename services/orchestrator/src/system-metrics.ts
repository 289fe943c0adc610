import type { ServiceName } from '@protect/config/paths';
import type { ReadCountersResponse } from '@protect/proto/daemon';
import type { CheckResponse } from '@protect/proto/health';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { cpuModes, type HostCpu, type HostMemory, hostCpuPercent } from './host-usage.ts';
import { type KnownZone, zoneStateNames } from './zone-table.ts';

/** How a health check of a service went. */
export type HealthStatus = 'ok' | 'not_ready' | 'unavailable';

/** Processors are compared over this time at least, ms. */
const cpuWindowMs = 1_000;

export interface SystemMetricsOptions {
  readonly readHost: () => Promise<{ cpus: readonly HostCpu[]; memory: HostMemory }>;
  /** Undefined while the daemon is not followed: no number is better than an old one. */
  readonly zones: () => readonly KnownZone[] | undefined;
  /** Undefined when the daemon does not answer. */
  readonly readCounters: () => Promise<ReadCountersResponse | undefined>;
  readonly bus: { readonly connected: boolean };
}

export interface SystemMetrics {
  countHealthCheck(service: ServiceName, status: HealthStatus, answer: CheckResponse | undefined): void;
  countReconnect(): void;
  /** The Prometheus text format. */
  render(): Promise<{ contentType: string; text: string }>;
}

/** Looks at the host once, so that the first who asks can be told how busy it has been since. */
export async function createSystemMetrics(options: SystemMetricsOptions): Promise<SystemMetrics> {
  const { readHost, zones, readCounters, bus } = options;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'orchestrator_' });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers: [registry] });

  const cpuPercent = gauge('host_cpu_usage_percent', 'Part of the time that a processor is busy', ['cpu']);
  const cpuSeconds = counter('host_cpu_usage_seconds_total', 'Time of a processor, by what it was doing', [
    'cpu',
    'mode',
  ]);
  const memoryTotal = gauge('host_memory_total_bytes', 'Memory of the host; on Xen of its Dom0');
  const memoryFree = gauge('host_memory_free_bytes', 'Memory that nothing on the host uses');
  const memoryUsed = gauge(
    'host_memory_used_bytes',
    'Memory of the host that cannot be had for something else',
  );
  const zoneCounts = gauge('daemon_zones', 'Zones that the daemon knows, by state', ['state']);
  const checks = counter('health_check_total', 'Health checks of the services, by how they went', [
    'service',
    'status',
  ]);
  const loopDelay = gauge(
    'service_event_loop_delay_seconds',
    'What a service was late by, 99th percentile of the last minute',
    ['service'],
  );
  const natsConnected = gauge('nats_connected', 'Whether the orchestrator has its connection to nats-server');
  const reconnects = counter('nats_reconnects_total', 'Connections to nats-server that came back');
  const unaudited = counter(
    'daemon_audit_records_unpublished_total',
    'Records of the audit that are in the daemon’s log alone',
  );
  const skipped = counter(
    'daemon_idm_packets_skipped_total',
    'Packets of zones that listeners were too slow for, by the way they listen',
    ['listener'],
  );
  const dropped = counter('daemon_events_dropped_total', 'Events that NATS was away for too long for');
  const cut = counter(
    'daemon_event_watchers_cut_total',
    'Streams of WatchEvents that ended, their reader too slow',
  );

  let before = { cpus: (await readHost()).cpus, atMs: performance.now() };
  let percent = new Map<string, number>();

  function setHost({ cpus, memory }: { cpus: readonly HostCpu[]; memory: HostMemory }): void {
    const atMs = performance.now();
    if (atMs - before.atMs >= cpuWindowMs) {
      percent = hostCpuPercent(before.cpus, cpus);
      before = { cpus, atMs };
    }
    cpuPercent.reset();
    for (const [cpu, value] of percent) cpuPercent.set({ cpu }, value);
    cpuSeconds.reset();
    for (const { cpu, seconds } of cpus)
      for (const mode of cpuModes) cpuSeconds.inc({ cpu, mode }, seconds[mode]);
    memoryTotal.set(memory.totalBytes);
    memoryFree.set(memory.freeBytes);
    memoryUsed.set(memory.usedBytes);
  }

  function setZones(known: readonly KnownZone[] | undefined): void {
    zoneCounts.reset();
    if (known === undefined) return;
    for (const name of zoneStateNames) {
      zoneCounts.set({ state: name }, known.filter(({ state }) => state === name).length);
    }
  }

  function setCounters(counters: ReadCountersResponse | undefined): void {
    for (const one of [unaudited, skipped, dropped, cut]) one.reset();
    if (counters === undefined) {
      for (const one of [unaudited, dropped, cut]) one.remove();
      return;
    }
    unaudited.inc(Number(counters.auditRecordsUnpublished));
    skipped.inc({ listener: 'snoop' }, Number(counters.idmPacketsSkippedSnoop));
    skipped.inc({ listener: 'nats' }, Number(counters.idmPacketsSkippedNats));
    dropped.inc(Number(counters.eventsDropped));
    cut.inc(Number(counters.eventWatchersCut));
  }

  return {
    countHealthCheck(service, status, answer) {
      checks.inc({ service, status });
      if (answer === undefined) loopDelay.remove({ service });
      else loopDelay.set({ service }, answer.eventLoopDelayP99Ms / 1_000);
    },
    countReconnect: () => reconnects.inc(),
    async render() {
      const [host, counters] = await Promise.all([readHost(), readCounters()]);
      setHost(host);
      setZones(zones());
      setCounters(counters);
      natsConnected.set(bus.connected ? 1 : 0);
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
