import type { MessageInitShape } from '@bufbuild/protobuf';
import { MetricFormat, type MetricNodeSchema } from '@protect/proto/control-common';
import type { DomainUsage } from '../hypervisor/domain-usage.ts';
import type { CpuTimes } from '../metrics/cpu-window.ts';
import type { ZoneMetrics } from '../metrics/zone-metrics.ts';
import type { ZoneProcess, ZoneReport } from '../metrics/zone-report.ts';

type Node = MessageInitShape<typeof MetricNodeSchema>;

/**
 * The tree of a zone: `system` and `process` (if that was asked for) are the zone's own word, `hypervisor` is the
 * hypervisor's, and `silence` is there when one of the two did not answer.
 */
export function zoneMetricTree({ report, cpuUsage, hypervisor, silence }: ZoneMetrics): Node {
  return group('zone', [
    ...(report === undefined ? [] : [system(report, cpuUsage)]),
    ...(report === undefined || report.processes.length === 0
      ? []
      : [group('process', report.processes.map(process))]),
    ...(hypervisor === undefined ? [] : [hypervisorNode(hypervisor)]),
    ...(silence === undefined ? [] : [text('silence', silence)]),
  ]);
}

function system({ memory, cpus, uptimeMs }: ZoneReport, cpuUsage: ReadonlyMap<number, number>): Node {
  return group('system', [
    group('memory', [
      bytes('total', memory.totalBytes),
      bytes('used', memory.usedBytes),
      bytes('free', memory.freeBytes),
      bytes('available', memory.availableBytes),
    ]),
    // A zone that was booted by an earlier release tells nothing of its processors.
    ...(cpus.length === 0 ? [] : [cpuGroup(cpus, cpuUsage)]),
    seconds('uptime', uptimeMs / 1000),
  ]);
}

function cpuGroup(cpus: readonly CpuTimes[], cpuUsage: ReadonlyMap<number, number>): Node {
  const each = cpus.map((times) => cpu(times, cpuUsage.get(times.cpu)));
  return group('cpu', [integer('online', cpus.length), ...each]);
}

function cpu(times: CpuTimes, usage: number | undefined): Node {
  return group(String(times.cpu), [
    ...(usage === undefined ? [] : [percent('usage', usage)]),
    seconds('user', times.userMs / 1000),
    seconds('system', times.systemMs / 1000),
    seconds('idle', times.idleMs / 1000),
    seconds('iowait', times.iowaitMs / 1000),
    seconds('steal', times.stealMs / 1000),
  ]);
}

function process(told: ZoneProcess): Node {
  return group(String(told.pid), [
    integer('parent', told.parent),
    text('name', told.name),
    ...(told.executable === '' ? [] : [text('executable', told.executable)]),
    ...(told.workingDirectory === '' ? [] : [text('cwd', told.workingDirectory)]),
    ...(told.commandLine.length === 0 ? [] : [texts('cmdline', told.commandLine)]),
    group('memory', [bytes('resident', told.residentBytes), bytes('virtual', told.virtualBytes)]),
    seconds('cpu', told.cpuMs / 1000),
    seconds('lifetime', told.lifetimeMs / 1000),
    integer('uid', told.uid),
    integer('gid', told.gid),
    integer('euid', told.effectiveUid),
    integer('egid', told.effectiveGid),
  ]);
}

function hypervisorNode(usage: DomainUsage): Node {
  const { memoryOutstandingBytes: outstanding } = usage;
  return group('hypervisor', [
    group('cpu', [
      seconds('time', usage.cpuSeconds),
      integer('online', usage.vcpus.length),
      ...usage.vcpus.map((vcpu) => group(String(vcpu.cpu), [seconds('time', vcpu.seconds)])),
    ]),
    group('memory', [
      bytes('max', usage.memoryMaxBytes),
      bytes('total', usage.memoryTotalBytes),
      ...(outstanding === undefined ? [] : [bytes('outstanding', outstanding)]),
    ]),
  ]);
}

function group(name: string, children: Node[]): Node {
  return { name, children };
}

function text(name: string, value: string): Node {
  return { name, value: { kind: { case: 'stringValue', value } } };
}

function texts(name: string, values: readonly string[]): Node {
  const list = { values: values.map((value) => ({ kind: { case: 'stringValue' as const, value } })) };
  return { name, value: { kind: { case: 'listValue', value: list } } };
}

function number(name: string, value: number, format: MetricFormat): Node {
  return { name, format, value: { kind: { case: 'numberValue', value } } };
}

const bytes = (name: string, value: number) => number(name, value, MetricFormat.BYTES);
const integer = (name: string, value: number) => number(name, value, MetricFormat.INTEGER);
const seconds = (name: string, value: number) => number(name, value, MetricFormat.DURATION_SECONDS);
const percent = (name: string, value: number) => number(name, value, MetricFormat.PERCENT);
