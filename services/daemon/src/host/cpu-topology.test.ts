import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseCpuList, readCpuTopology } from './cpu-topology.ts';

let sysfs: string;
beforeEach(async () => {
  sysfs = await mkdtemp(join(tmpdir(), 'protect-sysfs-'));
});
afterEach(async () => {
  await rm(sysfs, { recursive: true });
});

async function put(path: string, text: string): Promise<void> {
  const file = join(sysfs, 'devices', path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${text}\n`);
}

async function putCpu(number: number, core: number, socket: number, siblings: string, node?: number) {
  const folder = `system/cpu/cpu${number}`;
  await put(`${folder}/topology/core_id`, String(core));
  await put(`${folder}/topology/physical_package_id`, String(socket));
  await put(`${folder}/topology/thread_siblings_list`, siblings);
  if (node !== undefined) await mkdir(join(sysfs, 'devices', folder, `node${node}`));
}

test('cpu topology: threads of a core, sockets and nodes are told apart; processors that are off are left out', async () => {
  await put('system/cpu/online', '0-1,8');
  await putCpu(0, 0, 0, '0,8', 0);
  await putCpu(1, 1, 1, '1', 1);
  await putCpu(8, 0, 0, '0,8', 0);
  await putCpu(9, 1, 1, '1,9', 1);
  expect(await readCpuTopology(sysfs)).toEqual([
    { core: 0, socket: 0, node: 0, thread: 0, class: 'standard' },
    { core: 1, socket: 1, node: 1, thread: 0, class: 'standard' },
    { core: 0, socket: 0, node: 0, thread: 1, class: 'standard' },
  ]);
});

test('cpu topology: a hybrid processor says which cores are fast and which save power', async () => {
  await put('system/cpu/online', '0-1');
  await putCpu(0, 0, 0, '0');
  await putCpu(1, 4, -1, '1');
  await put('cpu_core/cpus', '0');
  await put('cpu_atom/cpus', '1');
  expect(await readCpuTopology(sysfs)).toMatchObject([
    { class: 'performance', socket: 0 },
    { class: 'efficiency', socket: 0 },
  ]);
});

test('cpu topology: this host has what its kernel says', async () => {
  expect((await readCpuTopology()).length).toBeGreaterThanOrEqual(availableParallelism());
});

test('cpu topology: lists in the kernel’s notation', () => {
  expect(parseCpuList('')).toEqual([]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(300)), (numbers) => {
      const sorted = numbers.toSorted((a, b) => a - b);
      expect(parseCpuList(sorted.join(','))).toEqual(sorted);
    }),
  );
  expect(parseCpuList('0-3,7,9-10\n')).toEqual([0, 1, 2, 3, 7, 9, 10]);
});
