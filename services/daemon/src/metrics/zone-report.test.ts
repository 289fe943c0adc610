import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { MetricsResponseSchema } from '@protect/proto/idm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { metricProcessesMax, metricStringBytesMax } from '../limits.ts';
import { readZoneReport } from './zone-report.ts';

const read = (answer: MessageInitShape<typeof MetricsResponseSchema>, cpusMax = 4) =>
  readZoneReport(create(MetricsResponseSchema, answer), cpusMax);

test('what a zone tells is taken as it is', () => {
  const report = read({
    memoryTotalBytes: 1000n,
    memoryFreeBytes: 300n,
    memoryAvailableBytes: 400n,
    uptimeMs: 5000n,
    cpus: [{ cpu: 0, userMs: 1n, systemMs: 2n, idleMs: 3n, iowaitMs: 4n, stealMs: 5n }],
    processes: [
      { pid: 7, parentPid: 1, command: Buffer.from('sh'), commandLine: Buffer.from('sh\0-c\0\0') },
      { pid: 1, command: Buffer.from('init'), executable: Buffer.from('/init') },
    ],
  });
  expect(report.memory).toEqual({ totalBytes: 1000, freeBytes: 300, availableBytes: 400, usedBytes: 600 });
  expect(report.cpus).toEqual([{ cpu: 0, userMs: 1, systemMs: 2, idleMs: 3, iowaitMs: 4, stealMs: 5 }]);
  expect(report.processes.map(({ pid }) => pid)).toEqual([1, 7]);
  expect(report.processes[1]).toMatchObject({ parent: 1, name: 'sh', commandLine: ['sh', '-c', ''] });
});

test('names need not be text', () => {
  const [process] = read({ processes: [{ pid: 1, command: Uint8Array.of(0xff, 0x61) }] }).processes;
  expect(process?.name).toBe('\ufffda');
});

test('a zone has the processors that it was given, each once', () => {
  const cpus = [{ cpu: 1, userMs: 1n }, { cpu: 1, userMs: 2n }, { cpu: 0 }, { cpu: 2 }, { cpu: 4294967295 }];
  expect(read({ cpus }, 2).cpus.map(({ cpu, userMs }) => [cpu, userMs])).toEqual([
    [0, 0],
    [1, 1],
  ]);
});

test('whatever a zone tells, the report has bounds', () => {
  const number = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const process = fc.record({
    pid: fc.nat({ max: 600 }),
    command: fc.uint8Array({ maxLength: 2 * metricStringBytesMax }),
    commandLine: fc.uint8Array({ maxLength: 2 * metricStringBytesMax }),
    residentBytes: number,
  });
  const answer = fc.record({
    memoryTotalBytes: number,
    memoryFreeBytes: number,
    memoryAvailableBytes: number,
    processes: fc.array(process, { maxLength: 2 * metricProcessesMax }),
  });
  fc.assert(
    fc.property(answer, (told) => {
      const { memory, processes } = read(told);
      expect(processes.length).toBeLessThanOrEqual(metricProcessesMax);
      expect(new Set(processes.map(({ pid }) => pid)).size).toBe(processes.length);
      for (const value of [...Object.values(memory), ...processes.map((one) => one.residentBytes)]) {
        expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
      }
      expect(memory.usedBytes).toBeLessThanOrEqual(memory.totalBytes);
      for (const { name, commandLine } of processes) {
        expect(name.length).toBeLessThanOrEqual(metricStringBytesMax);
        expect(commandLine.join('').length).toBeLessThanOrEqual(metricStringBytesMax);
      }
    }),
    { numRuns: 30 },
  );
});
