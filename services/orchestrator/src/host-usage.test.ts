import { expect, test } from 'vitest';
import { hostCpuPercent, parseHostCpus, parseHostMemory, readHostUsage } from './host-usage.ts';

const stat = `cpu  300 20 30 4000 50 6 7 8 9 10
cpu0 100 20 30 4000 50 6 7 8 9 10
cpu11 200 0 0 0 0 0 0 0 0 0
intr 12345 0 1 2
`;

test('processors are read with their times in seconds', () => {
  const [first, second, ...rest] = parseHostCpus(stat);
  expect(first).toEqual({
    cpu: '0',
    seconds: {
      user: 1,
      nice: 0.2,
      system: 0.3,
      idle: 40,
      iowait: 0.5,
      irq: 0.06,
      softirq: 0.07,
      steal: 0.08,
    },
  });
  expect(second?.cpu).toBe('11');
  expect(rest).toEqual([]);
});

test('what is used of the memory is what cannot be had for something else', () => {
  const meminfo =
    'MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\nBuffers: 1 kB\n';
  expect(parseHostMemory(meminfo)).toEqual({
    totalBytes: 1_024_000,
    freeBytes: 102_400,
    usedBytes: 409_600,
  });
  expect(() => parseHostMemory('')).toThrow('MemTotal');
});

test('a processor is busy while it does not wait', () => {
  const after = parseHostCpus('cpu0 150 20 30 4025 75 6 7 8 0 0\ncpu11 200 0 0 0 0 0 0 0 0 0\n');
  expect([...hostCpuPercent(parseHostCpus(stat), after)]).toEqual([['0', 50]]);
});

test('this host can be read', async () => {
  const { cpus, memory } = await readHostUsage();
  expect(cpus.length).toBeGreaterThan(0);
  expect(memory.usedBytes).toBeGreaterThan(0);
  expect(memory.usedBytes).toBeLessThan(memory.totalBytes);
});
