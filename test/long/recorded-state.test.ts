import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { statePaths } from '@protect/config/paths';
import { type Workload, WorkloadState, ZoneState } from '@protect/proto/control-common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrations as ofDaemon } from '../../services/daemon/src/state/migrations.ts';
import { migrations as ofNetwork } from '../../services/network/src/state/migrations.ts';
import { migrations as ofStorage } from '../../services/storage/src/state/migrations.ts';
import { recordings, unpackState } from '../recorded/recordings.ts';
import { destroyZone, launchZone, listWorkloads, zoneInState } from '../system/guests.ts';
import { startStack, type TestStack } from '../system/stack.ts';

const migrations = { daemon: ofDaemon, network: ofNetwork, storage: ofStorage };
const services = ['daemon', 'network', 'storage'] as const;

/** The version of a service's database in a state folder. */
function versionOf(stateDir: string, service: (typeof services)[number]): number {
  const database = new DatabaseSync(statePaths(stateDir).database(service), { readOnly: true });
  try {
    return Number(database.prepare('PRAGMA user_version').get()?.user_version);
  } finally {
    database.close();
  }
}

test.each(services)(
  'there is a recording of every earlier version of the database of %s',
  async (service) => {
    const versions = new Set<number>();
    for (const recording of recordings()) {
      const state = await mkdtemp(join(tmpdir(), 'protect-recorded-'));
      try {
        await unpackState(recording, state);
        versions.add(versionOf(state, service));
      } finally {
        await rm(state, { recursive: true, force: true });
      }
    }
    const earlier = migrations[service].slice(1).map((_, index) => index + 1);
    expect([...versions]).toEqual(expect.arrayContaining(earlier));
  },
);

describe.each(recordings())('what the services of $commit left', (recorded) => {
  let stack: TestStack;
  const before = new Map<string, number>();

  beforeAll(async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'protect-recorded-'));
    await unpackState(recorded, stateDir);
    for (const service of services) before.set(service, versionOf(stateDir, service));
    stack = await startStack({ stateDir });
  });

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
  });

  test('is migrated, and kept as it was where that was necessary', () => {
    for (const service of services) {
      const newest = migrations[service].length;
      expect(versionOf(stack.state, service)).toBe(newest);
      const from = before.get(service) ?? 0;
      expect(from).toBeGreaterThan(0);
      expect(existsSync(`${stack.paths.database(service)}.v${from}`)).toBe(from < newest);
    }
  });

  test('is listed: the zone, whose machine is gone, its workloads and their output, the image', async () => {
    const zone = await zoneInState(stack.client, recorded.zone, [ZoneState.FAILED]);
    expect(zone.spec?.name).toBe('recorded');
    expect(zone.status?.errorStatus?.message).toContain('gone');
    const workloads = new Map<string, Workload>();
    for (const workload of await listWorkloads(stack.client)) workloads.set(workload.id, workload);
    expect(workloads.get(recorded.running)).toMatchObject({
      spec: { name: 'running' },
      status: { state: WorkloadState.FAILED },
    });
    expect(workloads.get(recorded.completed)).toMatchObject({
      spec: { name: 'completed' },
      status: { state: WorkloadState.COMPLETED, exitStatus: { code: 3 } },
    });
    expect(await stack.output('workload', 'logs', recorded.completed)).toBe('of old');
    expect(await stack.output('image', 'list')).toContain(recorded.imageDigest.slice('sha256:'.length, 19));
  });

  test('gives way: a new zone runs beside it, and both can be destroyed', async () => {
    const zone = await launchZone(stack.client, { name: 'new' });
    await destroyZone(stack.client, zone.id);
    await destroyZone(stack.client, recorded.zone);
    expect(existsSync(join(stack.paths.zones, recorded.zone))).toBe(false);
  });
});
