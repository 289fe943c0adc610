import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { type Response, ResponseSchema } from '@protect/proto/idm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestInit } from '../idm/connection.ts';
import { waitFor } from '../state/wait-for.ts';
import { currentResources, type ZoneResources } from '../state/zone-record.ts';
import { type TestDaemon, type TestHost, testHost } from '../testing/test-daemon.ts';
import { adoptZones } from './adopt.ts';
import { askedZoneSpec } from './test-zone.ts';

const mebibyte = 1024n * 1024n;
const none = askedZoneSpec().resources;
const start: ZoneResources = {
  ...{ minMemoryMib: 128, targetMemoryMib: 256, maxMemoryMib: 1024 },
  ...{ minCpus: 1, targetCpus: 1, maxCpus: 4, policy: 'static' },
};

let host: TestHost;
/** What the zones' programs use, MiB. */
let usedMib: number;
/** Called when a zone is asked this. */
let asked: (kind: RequestInit['case']) => void;

beforeEach(async () => {
  host = await testHost();
  usedMib = 100;
  asked = () => undefined;
  host.answerWith(({ case: kind }) => {
    asked(kind);
    return kind === 'metrics' ? metrics() : done();
  });
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

function metrics(): Response {
  const value = {
    memoryTotalBytes: BigInt(targetMib()) * mebibyte,
    memoryAvailableBytes: BigInt(targetMib() - usedMib) * mebibyte,
  };
  return create(ResponseSchema, { response: { case: 'metrics', value } });
}

function done(): Response {
  return create(ResponseSchema, { response: { case: 'done', value: {} } });
}

let watched: { readonly daemon: TestDaemon; readonly id: ZoneId } | undefined;

function targetMib(): number {
  if (watched === undefined) return start.targetMemoryMib;
  return currentResources(watched.daemon.zones.get(watched.id)).targetMemoryMib;
}

function limit(): AbortSignal {
  return AbortSignal.timeout(5_000);
}

async function readyZone(daemon: TestDaemon, changes: Partial<ZoneResources> = {}): Promise<ZoneId> {
  const id = await daemon.zones.create(askedZoneSpec({ resources: { ...start, ...changes } }));
  await waitFor(daemon.state, () => daemon.zones.get(id).status.state === 'ready' || undefined, limit());
  watched = { daemon, id };
  return id;
}

function machine(id: ZoneId) {
  const found = host.machines.machines.get(id);
  if (found === undefined) throw new Error('no machine');
  return found;
}

/** Settles when a zone is asked this for the next time. */
async function nextOf(wanted: RequestInit['case']): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  asked = (kind) => {
    if (kind === wanted) resolve();
  };
  await promise;
}

/** Settles when the recorded target is this one. */
async function reaches(daemon: TestDaemon, id: ZoneId, mib: number): Promise<void> {
  const look = () => currentResources(daemon.zones.get(id)).targetMemoryMib === mib || undefined;
  await waitFor(daemon.state, look, limit());
}

describe('an update of a zone that runs', () => {
  it('is recorded, then carried out; what is left out stays', async () => {
    await using daemon = await host.daemon();
    const id = await readyZone(daemon);
    await daemon.zones.updateResources(id, { ...none, targetMemoryMib: 512, targetCpus: 3 }, limit());
    expect(daemon.zones.get(id)).toMatchObject({
      resources: { ...start, targetMemoryMib: 512, targetCpus: 3 },
      spec: { resources: start },
    });
    expect(machine(id).sizes).toEqual(['512 MiB', '3 CPUs']);
    expect(machine(id).requests.at(-1)).toEqual({ case: 'setCpus', value: { online: 3 } });
    await daemon.zones.updateResources(id, { ...none, targetCpus: 2 }, limit());
    expect(machine(id).sizes.slice(2)).toEqual(['2 CPUs']);
  });

  it('takes a target that is left along with the bounds', async () => {
    await using daemon = await host.daemon();
    const id = await readyZone(daemon);
    await daemon.zones.updateResources(id, { ...none, minMemoryMib: 300 }, limit());
    expect(machine(id).sizes).toEqual(['300 MiB']);
    await daemon.zones.updateResources(id, { ...none, minMemoryMib: 128, maxMemoryMib: 200 }, limit());
    // What it has is made sure of before its use is looked at.
    expect(machine(id).sizes).toEqual(['300 MiB', '300 MiB', '200 MiB']);
  });

  it.each([
    [{ targetMemoryMib: 2048 }, /target-memory 2048 MiB is more than max-memory 1024 MiB/],
    [{ targetMemoryMib: 100 }, /min-memory 128 MiB is more than target-memory 100 MiB/],
    [
      { targetCpus: 5 },
      /target-cpus is 5, but this host has 4 CPUs.*; target-cpus 5 is more than max-cpus 4/,
    ],
    [{ minCpus: 2, targetCpus: 1 }, /min-cpus 2 is more than target-cpus 1/],
  ])('names what cannot be of %j', async (asked, text) => {
    await using daemon = await host.daemon();
    const id = await readyZone(daemon);
    await expect(daemon.zones.updateResources(id, { ...none, ...asked }, limit())).rejects.toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: expect.stringMatching(text),
    });
    expect(daemon.zones.get(id).resources).toBeUndefined();
  });

  it('cannot go beyond what the machine was started with', async () => {
    await using daemon = await host.daemon();
    const id = await readyZone(daemon);
    for (const asked of [{ maxMemoryMib: 2048 }, { maxMemoryMib: 2048, targetMemoryMib: 2048 }]) {
      await expect(daemon.zones.updateResources(id, { ...none, ...asked }, limit())).rejects.toMatchObject({
        code: Code.FailedPrecondition,
        rawMessage: expect.stringContaining('was launched with at most'),
      });
    }
  });

  it('does not take memory that is used', async () => {
    await using daemon = await host.daemon();
    const id = await readyZone(daemon);
    usedMib = 180;
    await expect(
      daemon.zones.updateResources(id, { ...none, targetMemoryMib: 160 }, limit()),
    ).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: expect.stringMatching(/uses 180 MiB of memory and cannot do with 160 MiB/),
    });
    await daemon.zones.updateResources(id, { ...none, targetMemoryMib: 192 }, limit());
  });

  it('waits for a zone that is being made, and refuses one that has ended', async () => {
    await using daemon = await host.daemon();
    const id = await daemon.zones.create(askedZoneSpec({ resources: start }));
    watched = { daemon, id };
    await daemon.zones.updateResources(id, { ...none, targetMemoryMib: 300 }, limit());
    machine(id).end({ kind: 'poweroff' });
    await waitFor(daemon.state, () => daemon.zones.get(id).status.state === 'exited' || undefined, limit());
    await expect(
      daemon.zones.updateResources(id, { ...none, targetMemoryMib: 400 }, limit()),
    ).rejects.toMatchObject({ code: Code.FailedPrecondition });
  });

  it('is refused when the host has no room, also to the later of two that ask at once', async () => {
    await using daemon = await host.daemon();
    const large = { minMemoryMib: 64, targetMemoryMib: 64, maxMemoryMib: 8192 };
    const ids = [await readyZone(daemon, large), await readyZone(daemon, large)];
    const asked = { ...none, targetMemoryMib: 4100 };
    const [first, second] = await Promise.allSettled(
      ids.map((id) => daemon.zones.updateResources(id, asked, limit())),
    );
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(second).toMatchObject({
      status: 'rejected',
      reason: {
        code: Code.ResourceExhausted,
        rawMessage: expect.stringContaining(
          'wants 4036 MiB of memory more, the host has 4028 MiB left (8192 MiB in all, 4164 MiB for 2 zones)',
        ),
      },
    });
  });

  it('is given again by the next daemon, which cannot know how far the last one came', async () => {
    let id: ZoneId;
    {
      await using daemon = await host.daemon();
      id = await readyZone(daemon);
      await daemon.zones.updateResources(id, { ...none, targetMemoryMib: 512 }, limit());
    }
    machine(id).sizes.splice(0);
    await using next = await host.daemon();
    watched = { daemon: next, id };
    const again = nextOf('setCpus');
    await adoptZones(next.deps, next.supervisor, limit());
    await again;
    expect(machine(id).sizes).toEqual(['512 MiB', '1 CPUs']);
  });
});

describe('a dynamic zone', () => {
  it('grows before a workload starts, and keeps that while it may still be loading', async () => {
    await using daemon = await host.daemon();
    usedMib = 60;
    const id = await readyZone(daemon, { policy: 'dynamic' });
    await daemon.deps.resizer.makeRoom(id, limit());
    expect(machine(id).sizes.at(-1)).toBe('1024 MiB');
    await nextOf('metrics');
    await nextOf('metrics');
    expect(targetMib()).toBe(1024);
  });

  it('shrinks while it uses little, down to its least, and grows with its use', async () => {
    await using daemon = await host.daemon();
    usedMib = 20;
    const id = await readyZone(daemon, { policy: 'dynamic', targetMemoryMib: 1024 });
    await reaches(daemon, id, 512);
    await reaches(daemon, id, 256);
    usedMib = 200;
    await reaches(daemon, id, 400);
    await nextOf('metrics');
    expect(machine(id).sizes).toEqual(['1024 MiB', '512 MiB', '256 MiB', '400 MiB']);
  });

  it('that does not follow at once is asked again', async () => {
    await using daemon = await host.daemon();
    usedMib = 20;
    const id = await readyZone(daemon, { policy: 'dynamic', targetMemoryMib: 1024 });
    const { domain } = machine(id);
    const { setMemory } = domain;
    let refusals = 2;
    Object.assign(domain, {
      async setMemory(memoryMib: number, signal: AbortSignal) {
        await setMemory(memoryMib, signal);
        if (memoryMib === 512 && refusals-- > 0) throw new ConnectError('not yet', Code.DeadlineExceeded);
      },
    });
    await reaches(daemon, id, 256);
    const asked = machine(id).sizes.filter((size) => size === '512 MiB');
    expect(asked.length).toBeGreaterThanOrEqual(2);
  });

  it('stays at its target once it is static', async () => {
    await using daemon = await host.daemon();
    const id = await readyZone(daemon, { policy: 'dynamic' });
    await daemon.zones.updateResources(id, { ...none, policy: 'static', targetMemoryMib: 300 }, limit());
    await daemon.deps.resizer.makeRoom(id, limit());
    expect(machine(id).sizes).toEqual(['300 MiB']);
  });
});
