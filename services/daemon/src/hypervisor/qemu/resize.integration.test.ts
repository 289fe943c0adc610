import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type IdmConnection, openIdmConnection } from '../../idm/connection.ts';
import type { Domain } from '../hypervisor.ts';
import { type BootFixture, createBootFixture } from './boot-fixture.ts';
import { createQemuHypervisor } from './driver.ts';

const logger = pino({ level: 'silent' });
const mib = 1024 * 1024;

let fixture: BootFixture;
let domain: Domain;
let zone: IdmConnection;

function limit(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

beforeAll(async () => {
  fixture = await createBootFixture();
  const hypervisor = createQemuHypervisor({ paths: fixture.paths, logger, acceleration: 'tcg' });
  const spec = await fixture.zoneSpec({ memoryMib: 192, maxMemoryMib: 512, cpus: 2, maxCpus: 3 });
  domain = await hypervisor.start(spec, limit());
  const stream = await domain.openIdm(limit());
  zone = openIdmConnection(stream, { zoneId: spec.zoneId, logger, version: 'test' });
  await zone.hello({ deadlineMs: 60_000 });
});

afterAll(async () => {
  zone?.close();
  await domain?.destroy(limit());
  await fixture?.[Symbol.asyncDispose]();
});

/** What the zone's kernel counts as its memory. */
async function memoryMib(): Promise<number> {
  const { response } = await zone.request({ case: 'metrics', value: {} }, { signal: limit() });
  if (response.case !== 'metrics') throw new Error(`an answer of another kind: ${response.case}`);
  return Math.round(Number(response.value.memoryTotalBytes) / mib);
}

async function setOnline(online: number): Promise<void> {
  await zone.request({ case: 'setCpus', value: { online } }, { deadlineMs: 3_000, signal: limit() });
}

test('a zone has what it is started with, and not what it may have', async () => {
  await domain.setMemory(192, limit());
  expect(await memoryMib()).toBeLessThan(192);
});

/** MiB that the zone's process may use, as its control group says. */
async function boundMib(): Promise<number> {
  const files = ['memory/protect-zones/ID/memory.limit_in_bytes', 'protect-zones/ID/memory.max'];
  const paths = files.map((file) => join('/sys/fs/cgroup', file.replace('ID', domain.zoneId)));
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
  return Number(texts.join('')) / mib;
}

test('memory is given and taken to the page', async () => {
  await domain.setMemory(512, limit());
  const [large, most] = [await memoryMib(), await boundMib()];
  await domain.setMemory(160, limit());
  expect(large - (await memoryMib())).toBe(512 - 160);
  // What QEMU itself may use stays.
  expect(most - (await boundMib())).toBe(512 - 160);
});

test('CPUs come and go and come again, as many as the machine may have', async () => {
  for (let round = 0; round < 2; round++) {
    await domain.setCpus(3, limit());
    await setOnline(3);
    await setOnline(1);
    await domain.setCpus(1, limit());
    await setOnline(1);
  }
  await expect(setOnline(4)).rejects.toThrow(
    expect.objectContaining({ code: Code.DeadlineExceeded, rawMessage: 'the zone does not have 4 CPUs' }),
  );
});
