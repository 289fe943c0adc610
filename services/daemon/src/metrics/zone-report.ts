import { Buffer } from 'node:buffer';
import type { MetricsResponse, ProcessMetrics } from '@protect/proto/idm';
import { metricCpusMax, metricProcessesMax, metricStringBytesMax } from '../limits.ts';
import type { CpuTimes } from './cpu-window.ts';

/** A process of a zone, by its own word. */
export interface ZoneProcess {
  readonly pid: number;
  readonly parent: number;
  /** The name that it gives itself. */
  readonly name: string;
  /** Empty when there was no room for it. */
  readonly executable: string;
  readonly workingDirectory: string;
  readonly commandLine: readonly string[];
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly lifetimeMs: number;
  readonly cpuMs: number;
  readonly uid: number;
  readonly gid: number;
  readonly effectiveUid: number;
  readonly effectiveGid: number;
}

/** What a zone says of itself. */
export interface ZoneReport {
  readonly memory: {
    readonly totalBytes: number;
    readonly freeBytes: number;
    readonly availableBytes: number;
    readonly usedBytes: number;
  };
  readonly uptimeMs: number;
  readonly cpus: readonly CpuTimes[];
  /** In the order of their numbers. */
  readonly processes: readonly ZoneProcess[];
}

/**
 * Takes a zone's answer, which may be anything: no more processors than it was given and no more processes and
 * characters than are told of, one entry for each number, numbers that a double holds exactly.
 */
export function readZoneReport(answer: MetricsResponse, cpusMax: number): ZoneReport {
  const totalBytes = count(answer.memoryTotalBytes);
  const availableBytes = Math.min(count(answer.memoryAvailableBytes), totalBytes);
  const cpus = new Map<number, CpuTimes>();
  for (const told of answer.cpus) {
    if (told.cpu >= Math.min(cpusMax, metricCpusMax) || cpus.has(told.cpu)) continue;
    cpus.set(told.cpu, {
      cpu: told.cpu,
      userMs: count(told.userMs),
      systemMs: count(told.systemMs),
      idleMs: count(told.idleMs),
      iowaitMs: count(told.iowaitMs),
      stealMs: count(told.stealMs),
    });
  }
  const processes = new Map<number, ZoneProcess>();
  for (const told of answer.processes.slice(0, metricProcessesMax)) {
    if (!processes.has(told.pid)) processes.set(told.pid, readProcess(told));
  }
  return {
    memory: {
      totalBytes,
      freeBytes: Math.min(count(answer.memoryFreeBytes), totalBytes),
      availableBytes,
      usedBytes: totalBytes - availableBytes,
    },
    uptimeMs: count(answer.uptimeMs),
    cpus: [...cpus.values()].sort((a, b) => a.cpu - b.cpu),
    processes: [...processes.values()].sort((a, b) => a.pid - b.pid),
  };
}

function readProcess(told: ProcessMetrics): ZoneProcess {
  return {
    pid: told.pid,
    parent: told.parentPid,
    name: text(told.command),
    executable: text(told.executable),
    workingDirectory: text(told.workingDirectory),
    commandLine: words(told.commandLine),
    residentBytes: count(told.residentBytes),
    virtualBytes: count(told.virtualBytes),
    lifetimeMs: count(told.lifetimeMs),
    cpuMs: count(told.cpuMs),
    uid: told.uid,
    gid: told.gid,
    effectiveUid: told.effectiveUid,
    effectiveGid: told.effectiveGid,
  };
}

function words(bytes: Uint8Array): string[] {
  const joined = text(bytes);
  return joined === '' ? [] : joined.replace(/\0$/, '').split('\0');
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, metricStringBytesMax)).toString('utf8');
}

function count(value: bigint): number {
  return Number(value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : value);
}
