import type { MetricNode } from '@protect/proto/control-common';
import { Counter, Gauge, Registry } from 'prom-client';
import type { ZoneReading } from './zone-readings.ts';

/** Who a series is of. A zone that is no pod has empty names of one. */
const zoneLabels = ['zone_id', 'k8s_namespace', 'k8s_pod'] as const;

/** A number with the processor that it is of, if it is of one. */
type Value = readonly [value: number | undefined, cpu?: string];

interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: 'gauge' | 'counter';
  readonly perCpu?: true;
  readonly read: (reading: ZoneReading) => Iterable<Value>;
}

const families: readonly Family[] = [
  {
    name: 'zone_create_timestamp_milliseconds',
    help: 'When the zone was asked for, since 1970',
    kind: 'gauge',
    read: ({ zone }) => [[zone.createdAtMs]],
  },
  {
    name: 'zone_ready_timestamp_milliseconds',
    help: 'When the zone became ready, since 1970',
    kind: 'gauge',
    read: ({ zone }) => [[zone.readyAtMs]],
  },
  {
    name: 'zone_cpu_usage_percent',
    help: 'Part of the time that a processor of the zone is busy, by the zone’s own word',
    kind: 'gauge',
    perCpu: true,
    read: ({ root }) => zoneCpus(root).map((cpu) => [numberAt(cpu, ['usage']), cpu.name]),
  },
  {
    name: 'zone_cpu_usage_seconds_total',
    help: 'Time that a processor of the zone was busy, by the zone’s own word',
    kind: 'counter',
    perCpu: true,
    read: ({ root }) =>
      zoneCpus(root).map((cpu) => [
        (numberAt(cpu, ['user']) ?? 0) + (numberAt(cpu, ['system']) ?? 0),
        cpu.name,
      ]),
  },
  {
    name: 'zone_memory_total_bytes',
    help: 'Memory that the zone’s kernel has, by its own word',
    kind: 'gauge',
    read: ({ root }) => [[numberAt(root, ['system', 'memory', 'total'])]],
  },
  {
    name: 'zone_memory_free_bytes',
    help: 'Memory that nothing in the zone uses, by its own word',
    kind: 'gauge',
    read: ({ root }) => [[numberAt(root, ['system', 'memory', 'free'])]],
  },
  {
    name: 'zone_memory_used_bytes',
    help: 'Memory of the zone that cannot be had for something else, by its own word',
    kind: 'gauge',
    read: ({ root }) => [[numberAt(root, ['system', 'memory', 'used'])]],
  },
  {
    name: 'hypervisor_cpu_usage_seconds_total',
    help: 'Processor time that the zone’s machine has taken from the host',
    kind: 'counter',
    read: ({ root }) => [[numberAt(root, ['hypervisor', 'cpu', 'time'])]],
  },
  {
    name: 'hypervisor_memory_max_bytes',
    help: 'Most memory that the zone’s machine may have',
    kind: 'gauge',
    read: ({ root }) => [[numberAt(root, ['hypervisor', 'memory', 'max'])]],
  },
  {
    name: 'hypervisor_memory_total_bytes',
    help: 'Memory of the host that the zone’s machine has now',
    kind: 'gauge',
    read: ({ root }) => [[numberAt(root, ['hypervisor', 'memory', 'total'])]],
  },
  {
    name: 'hypervisor_memory_outstanding_bytes',
    help: 'Memory promised to the zone’s machine and not given yet; on Xen alone',
    kind: 'gauge',
    read: ({ root }) => [[numberAt(root, ['hypervisor', 'memory', 'outstanding'])]],
  },
  {
    name: 'hypervisor_vcpus_online',
    help: 'Virtual processors of the zone’s machine that are online',
    kind: 'gauge',
    read: ({ root }) => [[numberAt(root, ['hypervisor', 'cpu', 'online'])]],
  },
];

/** The Prometheus text of these zones; what was not told has no series. */
export async function renderResourceMetrics(
  readings: readonly ZoneReading[],
): Promise<{ contentType: string; text: string }> {
  const registry = new Registry();
  for (const { name, help, kind, perCpu, read } of families) {
    const labelNames = perCpu ? [...zoneLabels, 'cpu'] : zoneLabels;
    const config = { name, help, labelNames, registers: [registry] };
    const gauge = kind === 'gauge' ? new Gauge(config) : undefined;
    const counter = kind === 'counter' ? new Counter(config) : undefined;
    for (const reading of readings) {
      const { id, namespace, pod } = reading.zone;
      const labels = { zone_id: id, k8s_namespace: namespace, k8s_pod: pod };
      for (const [value, cpu] of read(reading)) {
        if (value === undefined) continue;
        const series = cpu === undefined ? labels : { ...labels, cpu };
        gauge?.set(series, value);
        counter?.inc(series, value);
      }
    }
  }
  const unread = new Gauge({
    name: 'zones_unread',
    help: 'Ready zones of which not all was told in time',
    registers: [registry],
  });
  unread.set(readings.filter(isUnread).length);
  return { contentType: registry.contentType, text: await registry.metrics() };
}

function isUnread({ zone, root }: ZoneReading): boolean {
  if (zone.state !== 'ready') return false;
  return childOf(root, 'system') === undefined || childOf(root, 'hypervisor') === undefined;
}

/** The nodes of single processors; their names are numbers. */
function zoneCpus(root: MetricNode | undefined): MetricNode[] {
  return childOf(childOf(root, 'system'), 'cpu')?.children.filter(({ name }) => /^\d+$/.test(name)) ?? [];
}

function childOf(node: MetricNode | undefined, name: string): MetricNode | undefined {
  return node?.children.find((child) => child.name === name);
}

function numberAt(root: MetricNode | undefined, path: readonly string[]): number | undefined {
  const kind = path.reduce(childOf, root)?.value?.kind;
  return kind?.case === 'numberValue' && Number.isFinite(kind.value) && kind.value >= 0
    ? kind.value
    : undefined;
}
