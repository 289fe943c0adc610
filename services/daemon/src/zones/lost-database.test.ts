import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { newWorkloadId, type ZoneId } from '@protect/config/ids';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../state/wait-for.ts';
import type { WorkloadRecord } from '../state/workload-record.ts';
import { type TestDaemon, type TestHost, testHost } from '../testing/test-daemon.ts';
import { adoptZones } from './adopt.ts';
import { askedZoneSpec } from './test-zone.ts';

let host: TestHost;
let loseAll: () => void;

beforeEach(async () => {
  host = await testHost();
  loseAll = host.database.save();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

async function readyZone(daemon: TestDaemon): Promise<ZoneId> {
  const id = await daemon.zones.create(askedZoneSpec({ name: 'kept' }));
  const look = () => (daemon.state.zones.get(id)?.status.state === 'ready' ? true : undefined);
  await waitFor(daemon.state, look, AbortSignal.timeout(5_000));
  return id;
}

function runningWorkload(zoneId: ZoneId): WorkloadRecord {
  return {
    version: 1,
    id: newWorkloadId(),
    spec: {
      name: 'web',
      zoneId,
      image: { digest: `sha256:${'0'.repeat(64)}`, format: 'squashfs' },
      process: {
        environment: [{ key: 'TOKEN', value: 'secret' }],
        command: ['serve'],
        workingDirectory: '/',
        tty: false,
        stdin: false,
        additionalGids: [],
      },
      annotations: [],
      security: {
        strictUserNamespace: false,
        raiseCapabilities: [],
        raiseAmbientCapabilities: [],
        dropCapabilities: [],
        privileged: false,
        disableAllNamespaces: false,
        disableNamespaces: [],
        readOnlyRootfs: false,
        noNewPrivs: false,
      },
      scratchMounts: [],
      cgroupLimits: [],
      hostname: '',
    },
    status: { state: 'running' },
    desired: 'present',
    createdAtMs: 2_000,
    revision: 3,
    run: 1,
  };
}

async function nextDaemon(): Promise<TestDaemon> {
  const daemon = await host.daemon();
  await adoptZones(daemon.deps, daemon.supervisor, AbortSignal.timeout(5_000));
  return daemon;
}

describe('when the database is lost', () => {
  it('zones and workloads are as their folders tell, and the machine goes on', async () => {
    const first = await host.daemon();
    const id = await readyZone(first);
    const workload = runningWorkload(id);
    await first.state.workloads.insert(workload);
    const machine = host.machines.machines.get(id);
    const zone = first.zones.get(id);
    await first[Symbol.asyncDispose]();
    loseAll();

    await using second = await nextDaemon();
    expect(second.zones.get(id)).toEqual(zone);
    expect(second.workloads.get(workload.id)).toEqual(workload);
    expect(second.supervisor.running(id)?.domain).toBe(machine?.domain);
    expect(second.failures).toEqual([]);
  });

  it.each([
    ['missing', (path: string) => rm(path)],
    ['cut off', (path: string) => writeFile(path, '{"version":1,"id":')],
    ['of a later release', (path: string) => writeFile(path, '{"version":2}')],
  ])('a zone whose record is %s is taken down', async (_how, spoil) => {
    const first = await host.daemon();
    const id = await readyZone(first);
    await first[Symbol.asyncDispose]();
    loseAll();
    await spoil(host.paths.zoneRecord(id));

    const second = await nextDaemon();
    await second[Symbol.asyncDispose]();
    expect(second.state.zones.all()).toEqual([]);
    expect([...host.machines.machines.keys()]).toEqual([]);
    expect(await readdir(host.paths.zones)).toEqual([]);
    expect(second.failures).toEqual([]);
  });
});

describe('when the last commits are lost', () => {
  it('the newer record of the folder counts: a zone that was ready is not made again', async () => {
    const first = await host.daemon();
    let loseSome = loseAll;
    first.state.onChange(({ record }) => {
      if (record.status.state === 'creating') loseSome = host.database.save();
    });
    const id = await readyZone(first);
    const machine = host.machines.machines.get(id);
    await first[Symbol.asyncDispose]();
    loseSome();

    await using second = await nextDaemon();
    expect(second.zones.get(id)).toMatchObject({ status: { state: 'ready' }, generation: 1 });
    expect(host.machines.machines.get(id)).toBe(machine);
  });

  it('the newer record of the database counts, and the folder is brought up to date', async () => {
    const first = await host.daemon();
    const id = await readyZone(first);
    await first[Symbol.asyncDispose]();
    const path = host.paths.zoneRecord(id);
    const newest = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...newest, revision: 0, status: { state: 'creating' } }));

    const second = await nextDaemon();
    expect(second.zones.get(id).status.state).toBe('ready');
    await second[Symbol.asyncDispose]();
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(newest);
  });
});

describe('a record in a folder', () => {
  it('is for root alone, since it holds what the caller gave the workload', async () => {
    await using daemon = await host.daemon();
    const id = await readyZone(daemon);
    const workload = runningWorkload(id);
    await daemon.state.workloads.insert(workload);
    await daemon.deps.records.written(workload.id);
    for (const path of [host.paths.zoneRecord(id), host.paths.workloadRecord(id, workload.id)]) {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
  });
});
