import { expect, test } from 'vitest';
import { checkCgroupLimit } from './cgroup-limits.ts';

test.each([
  ['memory.max', '67108864'],
  ['memory.max', '64M'],
  ['memory.high', 'max'],
  ['memory.oom.group', '1'],
  ['pids.max', '100'],
  ['cpu.max', '50000 100000'],
  ['cpu.max', 'max'],
  ['cpu.weight', '10000'],
  ['cpu.weight.nice', '-20'],
  ['cpu.weight.nice', '19'],
  ['cpuset.cpus', '0-1,3'],
  ['io.max', '8:0 rbps=1048576 wiops=max'],
  ['io.weight', '200'],
  ['io.weight', '8:16 50'],
])('%s takes %s', (name, value) => {
  expect(() => checkCgroupLimit({ name, value })).not.toThrow();
});

test.each([
  ['memory.max', 'much'],
  ['memory.max', '-1'],
  ['memory.max', ''],
  ['memory.max', '1\n2'],
  ['pids.max', '64M'],
  ['cpu.max', '1 2 3'],
  ['cpu.weight', '0'],
  ['cpu.weight', '10001'],
  ['cpu.weight.nice', '20'],
  ['cpuset.cpus', '1,,2'],
  ['io.max', '8:0'],
])('%s cannot be %j, and the refusal says what it takes', (name, value) => {
  const message = expect.stringMatching(`^${name} cannot be .*; it takes `);
  expect(() => checkCgroupLimit({ name, value })).toThrow(
    expect.objectContaining({ kind: 'invalid', message }),
  );
});

test.each(['cgroup.procs', '../memory.max', 'memory', 'hugetlb.2MB.max', 'constructor', ''])(
  'there is no limit %j, and the refusal names those there are',
  (name) => {
    const message = expect.stringMatching(/^there is no cgroup limit .*memory\.max/);
    expect(() => checkCgroupLimit({ name, value: '1' })).toThrow(
      expect.objectContaining({ kind: 'invalid', message }),
    );
  },
);
