import { expect, test } from 'vitest';
import { parseGovernors, parseXenTopology } from './processors.ts';

test('threads of one core are numbered, and cores of two sockets kept apart', () => {
  const text =
    'CPU\tcore\tsocket\tnode\nCPU0\t 0\t 0\t 0\nCPU1\t 0\t 0\t 0\nCPU2\t 0\t 1\t 1\nCPU4\t 3\t 1\t 1\n';
  expect(parseXenTopology(text)).toEqual([
    { core: 0, socket: 0, node: 0, thread: 0, class: 'standard' },
    { core: 0, socket: 0, node: 0, thread: 1, class: 'standard' },
    { core: 0, socket: 1, node: 1, thread: 0, class: 'standard' },
    { core: 3, socket: 1, node: 1, thread: 0, class: 'standard' },
  ]);
  expect(parseXenTopology('')).toEqual([]);
});

test('a governor counts when every processor has it; the mark of the one in use is no part of its name', () => {
  const cpu = (list: string) =>
    `cpu id               : 0\nscaling_driver       : acpi-cpufreq\nscaling_avail_gov    : ${list}\n`;
  expect(parseGovernors(cpu('userspace performance powersave *ondemand'))).toEqual([
    'userspace',
    'performance',
    'powersave',
    'ondemand',
  ]);
  expect(parseGovernors(`${cpu('performance *ondemand')}\n${cpu('*performance')}`)).toEqual(['performance']);
  expect(parseGovernors('[CPU0] failed to get cpufreq parameter\n')).toEqual([]);
});
