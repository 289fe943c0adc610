import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One processor as the host's kernel sees it. */
export interface HostCpu {
  readonly core: number;
  readonly socket: number;
  /** NUMA node. */
  readonly node: number;
  /** Place among the threads of its core, from 0. */
  readonly thread: number;
  readonly class: 'standard' | 'performance' | 'efficiency';
}

/** Kinds of core that a hybrid processor has, each with a file that lists its processors. */
const hybridKinds = { cpu_core: 'performance', cpu_atom: 'efficiency' } as const;

/** The processors that are online, by number; from sysfs, whose place tests may choose. */
export async function readCpuTopology(sysfs = '/sys'): Promise<HostCpu[]> {
  const folder = join(sysfs, 'devices/system/cpu');
  const numbers = parseCpuList(await readFile(join(folder, 'online'), 'utf8'));
  const classes = await readClasses(sysfs);
  return await Promise.all(
    numbers.map(async (number) => {
      const cpu = join(folder, `cpu${number}`);
      const topology = async (name: string) => await readFile(join(cpu, 'topology', name), 'utf8');
      const [core, socket, siblings, entries] = await Promise.all([
        topology('core_id'),
        topology('physical_package_id'),
        topology('thread_siblings_list'),
        readdir(cpu),
      ]);
      // A kernel without NUMA has no such entry, and one node.
      const node = entries.map((name) => /^node(\d+)$/.exec(name)?.[1]).find((text) => text !== undefined);
      return {
        core: Number(core),
        // Virtual machines may say -1.
        socket: Math.max(0, Number(socket)),
        node: Number(node ?? 0),
        thread: Math.max(0, parseCpuList(siblings).indexOf(number)),
        class: classes.get(number) ?? 'standard',
      };
    }),
  );
}

/** `0-3,8` in the kernel's notation, in rising order. */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = Number.NaN, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

async function readClasses(sysfs: string): Promise<Map<number, HostCpu['class']>> {
  const classes = new Map<number, HostCpu['class']>();
  for (const [name, kind] of Object.entries(hybridKinds)) {
    const list = await readFile(join(sysfs, 'devices', name, 'cpus'), 'utf8').catch(() => '');
    for (const number of parseCpuList(list)) classes.set(number, kind);
  }
  return classes;
}
