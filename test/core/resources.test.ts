import { expect } from 'vitest';
import type { CoreHost } from './core-host.ts';
import { coreTest as test } from './core-test.ts';
import { destroyAllZones, launchWorkload, launchZone, output, said } from './guests.ts';

/** Memory as the zone's kernel counts it, MiB, and CPUs that a program may use, seen from a workload. */
async function inside(host: CoreHost): Promise<{ readonly totalMib: number; readonly cpus: number }> {
  const look = ['workload', 'exec', 'inhabitant', 'sh', '-c', 'nproc; cat /proc/meminfo'];
  const text = await output(host, look);
  const kib = /^MemTotal: +(\d+) kB$/m.exec(text)?.[1];
  return { totalMib: Math.round(Number(kib) / 1024), cpus: Number.parseInt(text, 10) };
}

test('memory and CPUs of a running zone become what they are said to be, and stay so', async ({ host }) => {
  const memory = ['--min-memory', '128', '--max-memory', '320'];
  await launchZone(host, 'resized', ...memory, '--min-cpus', '1', '--target-cpus', '1', '--max-cpus', '2');
  await launchWorkload(host, 'resized', 'inhabitant', ['sleep', '100000']);
  const update = (...flags: string[]) => output(host, ['zone', 'update-resources', ...flags, 'resized']);
  const before = await inside(host);
  expect(before.cpus).toBe(1);
  expect(before.totalMib).toBeLessThan(192);

  await update('--target-memory', '320', '--target-cpus', '2');
  expect(await inside(host)).toEqual({ totalMib: before.totalMib + 128, cpus: 2 });

  await update('--target-memory', '176', '--target-cpus', '1');
  expect(await inside(host)).toEqual({ totalMib: before.totalMib - 16, cpus: 1 });

  await update('--target-memory', '256', '--target-cpus', '2');
  await host.killDaemon();
  await host.startDaemon();
  expect(await inside(host)).toEqual({ totalMib: before.totalMib + 64, cpus: 2 });
  expect(await output(host, ['zone', 'list', 'resized', '-o', 'json'])).toMatch(/"targetMemory": ?"256"/);

  const refused = await host.protect(['zone', 'update-resources', '--target-memory', '1024', 'resized']);
  expect(refused, said(refused)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('target-memory 1024 MiB is more than max-memory 320 MiB'),
  });
  await destroyAllZones(host);
  expect(await host.leftovers()).toEqual({});
});
