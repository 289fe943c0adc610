import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DomainUsage } from '../domain-usage.ts';
import type { DomainProcess } from './domain.ts';
import type { QmpClient } from './qmp.ts';

/** What Linux counts /proc's times in, whatever its timer does. */
const ticksPerSecond = 100;

const pageBytes = 4096;

const cpusSchema = z.array(z.looseObject({ 'cpu-index': z.number(), 'thread-id': z.number() }));
const memorySchema = z.looseObject({ 'base-memory': z.number(), 'plugged-memory': z.number().default(0) });

/** A process or thread, as /proc tells. */
interface TaskUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** Takes what is needed from /proc/PID/stat. Throws when it is cut off. */
export function parseTaskUsage(stat: string): TaskUsage {
  // The command's name is in parentheses and may contain anything, so fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system, resident] = [fields[11], fields[12], fields[21]].map(Number);
  const cpuSeconds = ((user ?? Number.NaN) + (system ?? Number.NaN)) / ticksPerSecond;
  const residentBytes = (resident ?? Number.NaN) * pageBytes;
  if (Number.isNaN(cpuSeconds + residentBytes)) throw new Error('/proc gives a stat that is cut off');
  return { cpuSeconds, residentBytes };
}

/** What the control groups of a machine count, as far as there are any. */
interface GroupUsage {
  readonly cpuSeconds: number | undefined;
  readonly memoryBytes: number | undefined;
}

/** Asks the groups of version 2, and those of version 1 under their names. */
export async function readGroupUsage(cgroups: readonly string[]): Promise<GroupUsage> {
  const number = async (file: string, pattern: RegExp): Promise<number | undefined> => {
    for (const group of cgroups) {
      const match = pattern.exec(await readFile(join(group, file), 'utf8').catch(() => ''));
      if (match?.[1] !== undefined) return Number(match[1]);
    }
    return undefined;
  };
  const whole = /^(\d+)$/m;
  const micros = await number('cpu.stat', /^usage_usec (\d+)$/m);
  const nanos = micros === undefined ? await number('cpuacct.usage', whole) : micros * 1e3;
  return {
    cpuSeconds: nanos === undefined ? undefined : nanos / 1e9,
    memoryBytes: (await number('memory.current', whole)) ?? (await number('memory.usage_in_bytes', whole)),
  };
}

/** Asks the host about QEMU's process, and QEMU about its threads and memory. */
export async function readUsage(
  { identity, cgroups }: Pick<DomainProcess, 'identity' | 'cgroups'>,
  qmp: QmpClient,
  signal: AbortSignal,
): Promise<DomainUsage> {
  const task = async (path: string) =>
    parseTaskUsage(await readFile(`/proc/${identity.pid}/${path}`, 'utf8'));
  const [whole, groups, memory, threads] = await Promise.all([
    task('stat'),
    readGroupUsage(cgroups),
    qmp.execute('query-memory-size-summary', memorySchema, {}, signal),
    qmp.execute('query-cpus-fast', cpusSchema, {}, signal),
  ]);
  const vcpus = threads.map(async (thread) => {
    const { cpuSeconds } = await task(`task/${thread['thread-id']}/stat`);
    return { cpu: thread['cpu-index'], seconds: cpuSeconds };
  });
  return {
    // Without groups, which a host may not let us make, the process alone tells.
    cpuSeconds: groups.cpuSeconds ?? whole.cpuSeconds,
    vcpus: await Promise.all(vcpus),
    memoryMaxBytes: memory['base-memory'] + memory['plugged-memory'],
    memoryTotalBytes: groups.memoryBytes ?? whole.residentBytes,
    memoryOutstandingBytes: undefined,
  };
}
