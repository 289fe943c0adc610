import { readFile } from 'node:fs/promises';

/** What Linux counts /proc's times in, whatever its timer does. */
const ticksPerSecond = 100;

/** What a processor can be doing, in the order of /proc/stat; the time of guests is in `user`. */
export const cpuModes = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;

export type CpuMode = (typeof cpuModes)[number];

/** A processor's time since the host's start. */
export interface HostCpu {
  readonly cpu: string;
  readonly seconds: Readonly<Record<CpuMode, number>>;
}

export interface HostMemory {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** What cannot be had for something else. */
  readonly usedBytes: number;
}

/** Takes the processors from /proc/stat. */
export function parseHostCpus(text: string): HostCpu[] {
  return [...text.matchAll(/^cpu(\d+) (.+)$/gm)].map(([, cpu = '', times = '']) => {
    const ticks = times.split(' ').map(Number);
    const entries = cpuModes.map((mode, index) => [mode, (ticks[index] ?? 0) / ticksPerSecond]);
    return { cpu, seconds: Object.fromEntries(entries) as Record<CpuMode, number> };
  });
}

/** Takes the memory from /proc/meminfo. Throws when a line is missing. */
export function parseHostMemory(text: string): HostMemory {
  const field = (name: string) => {
    const match = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text);
    if (match === null) throw new Error(`/proc/meminfo has no ${name}`);
    return Number(match[1]) * 1024;
  };
  const totalBytes = field('MemTotal');
  return { totalBytes, freeBytes: field('MemFree'), usedBytes: totalBytes - field('MemAvailable') };
}

/** What this host's kernel counts; on Xen that of Dom0, whose host this is. */
export async function readHostUsage(): Promise<{ cpus: HostCpu[]; memory: HostMemory }> {
  const [stat, meminfo] = await Promise.all(
    ['stat', 'meminfo'].map((name) => readFile(`/proc/${name}`, 'utf8')),
  );
  return { cpus: parseHostCpus(stat ?? ''), memory: parseHostMemory(meminfo ?? '') };
}

/** The part of the time between two looks that each processor was busy, percent; only those seen both times. */
export function hostCpuPercent(before: readonly HostCpu[], after: readonly HostCpu[]): Map<string, number> {
  const earlier = new Map(before.map(({ cpu, seconds }) => [cpu, seconds]));
  const percent = new Map<string, number>();
  for (const { cpu, seconds } of after) {
    const then = earlier.get(cpu);
    if (then === undefined) continue;
    const passed = cpuModes.reduce((sum, mode) => sum + seconds[mode] - then[mode], 0);
    const waited = seconds.idle - then.idle + (seconds.iowait - then.iowait);
    // The kernel corrects the time of idling now and then, also downwards.
    if (passed > 0) percent.set(cpu, Math.min(100, Math.max(0, (1 - waited / passed) * 100)));
  }
  return percent;
}
