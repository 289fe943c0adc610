import { ImageError } from './image-error.ts';

/** A file of a cgroup v2 controller, such as memory.max, and what to write to it. */
export interface CgroupLimit {
  readonly name: string;
  readonly value: string;
}

/** Values that a file takes: how they look, and how to say so. */
interface Values {
  readonly pattern: RegExp;
  readonly text: string;
}

const bytes: Values = { pattern: /^(max|\d+[kmgtpe]?)$/i, text: 'bytes, such as 256M, or max' };
const flag: Values = { pattern: /^[01]$/, text: '0 or 1' };
const microseconds: Values = { pattern: /^\d+$/, text: 'microseconds' };
const cpuList: Values = { pattern: /^\d+(-\d+)?(,\d+(-\d+)?)*$/, text: 'numbers and ranges, such as 0-1,3' };

/** The files of the controllers that a zone has for its workloads. */
const files: Readonly<Record<string, Values>> = {
  'cpu.idle': flag,
  'cpu.max': {
    pattern: /^(max|\d+)( \d+)?$/,
    text: 'microseconds of a period, such as "50000 100000", or max',
  },
  'cpu.max.burst': microseconds,
  'cpu.weight': { pattern: /^([1-9]\d{0,3}|10000)$/, text: 'a number from 1 to 10000' },
  'cpu.weight.nice': { pattern: /^(-(20|1?\d)|1?\d)$/, text: 'a number from -20 to 19' },
  'cpuset.cpus': cpuList,
  'cpuset.mems': cpuList,
  'io.max': {
    pattern: /^\d+:\d+( (rbps|wbps|riops|wiops)=(max|\d+))+$/,
    text: 'a disk of the zone and its limits, such as "8:0 rbps=1048576"',
  },
  'io.weight': {
    pattern: /^((default|\d+:\d+) )?([1-9]\d{0,3}|10000)$/,
    text: 'a number from 1 to 10000, of one disk after its numbers',
  },
  'memory.high': bytes,
  'memory.low': bytes,
  'memory.max': bytes,
  'memory.min': bytes,
  'memory.oom.group': flag,
  'memory.swap.high': bytes,
  'memory.swap.max': bytes,
  'pids.max': { pattern: /^(max|\d+)$/, text: 'a number of processes and threads, or max' },
};

/** Refuses a limit that no zone can set, with an `ImageError` of kind `invalid`. */
export function checkCgroupLimit({ name, value }: CgroupLimit): void {
  const values = Object.hasOwn(files, name) ? files[name] : undefined;
  if (values === undefined) {
    const remedy = `a zone has ${Object.keys(files).join(', ')}`;
    throw new ImageError('invalid', `there is no cgroup limit ${JSON.stringify(name)}; ${remedy}`);
  }
  if (values.pattern.test(value)) return;
  throw new ImageError('invalid', `${name} cannot be ${JSON.stringify(value)}; it takes ${values.text}`);
}
