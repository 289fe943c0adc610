import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../state/wait-for.ts';
import { recordStates, type TestDaemon, type TestHost, testHost } from '../testing/test-daemon.ts';
import { adoptZones } from './adopt.ts';
import { askedZoneSpec } from './test-zone.ts';

let host: TestHost;

beforeEach(async () => {
  host = await testHost();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

async function reaches(daemon: TestDaemon, id: ZoneId, state: string | undefined): Promise<void> {
  const look = () => (daemon.state.zones.get(id)?.status.state === state ? true : undefined);
  await waitFor(daemon.state, look, AbortSignal.timeout(5_000));
}

/** Settles when the record is gone; its removal is no change that anybody is told of. */
async function gone(daemon: TestDaemon, id: ZoneId): Promise<void> {
  await reaches(daemon, id, 'destroyed');
  while (daemon.state.zones.get(id) !== undefined) await new Promise((resolve) => setImmediate(resolve));
}

function nothingHeld() {
  const { storage, network, disks } = host.peers.held;
  expect([...storage, ...network, ...disks, ...host.machines.machines.keys()]).toEqual([]);
}

describe('zone supervisor', () => {
  it('brings a new zone to readiness, in at most three calls up to the start of its machine', async () => {
    await using daemon = await host.daemon();
    const states = recordStates(daemon.state);
    const id = await daemon.zones.create(askedZoneSpec());
    await reaches(daemon, id, 'ready');
    expect(states).toEqual(['zone creating', 'zone created', 'zone ready']);
    expect(host.peers.calls).toEqual(['storage.prepareZone', 'network.prepareZone', 'storage.provideDisk']);
    const record = daemon.zones.get(id);
    expect(record.readyAtMs).toBeGreaterThanOrEqual(record.createdAtMs);
    expect(record.placement).toMatchObject({ domid: 4711, link: { ipv4: '10.75.0.5/32' } });
    expect(host.machines.machines.get(id)?.requests.map((request) => request.case)).toEqual(['configure']);
    expect(daemon.failures).toEqual([]);
  });

  it.each(['storage.prepareZone', 'network.prepareZone', 'storage.provideDisk'])(
    'fails a zone whose %s fails, keeps the reason and frees everything',
    async (call) => {
      host.peers.failOn(call, new ConnectError('the disk is full', Code.ResourceExhausted));
      await using daemon = await host.daemon();
      const id = await daemon.zones.create(askedZoneSpec());
      await reaches(daemon, id, 'failed');
      expect(daemon.zones.get(id)).toMatchObject({
        status: { state: 'failed', message: 'the disk is full' },
        held: false,
      });
      nothingHeld();
    },
  );

  it('hands the interface of a machine that brings its own to protect-network', async () => {
    host.machines.makeVifs();
    await using daemon = await host.daemon();
    const id = await daemon.zones.create(askedZoneSpec());
    await reaches(daemon, id, 'ready');
    expect(host.peers.calls.at(-1)).toBe('network.attachInterface vif7.0');
    expect(host.machines.started[0]?.links).toMatchObject([{ kind: 'vif', mac: '02:00:00:00:00:02' }]);
  });

  it('fails a zone whose machine does not start', async () => {
    host.machines.failWith(new Error('no such kernel'));
    await using daemon = await host.daemon();
    const id = await daemon.zones.create(askedZoneSpec());
    await reaches(daemon, id, 'failed');
    expect(daemon.zones.get(id).status).toEqual({ state: 'failed', message: 'no such kernel' });
    nothingHeld();
  });

  it('fails a zone that refuses its configuration, and ends its machine', async () => {
    host.answerWith(() => {
      throw new ConnectError('no such module', Code.NotFound);
    });
    await using daemon = await host.daemon();
    const id = await daemon.zones.create(askedZoneSpec());
    await reaches(daemon, id, 'failed');
    expect(daemon.zones.get(id).status).toMatchObject({ message: expect.stringContaining('no such module') });
    await waitFor(
      daemon.state,
      () => (daemon.zones.get(id).held ? undefined : true),
      AbortSignal.timeout(5_000),
    );
    nothingHeld();
  });

  it('destroys a zone while it is being launched', async () => {
    const gate = Promise.withResolvers<void>();
    host.machines.holdStarts(gate.promise);
    await using daemon = await host.daemon();
    const states = recordStates(daemon.state);
    const id = await daemon.zones.create(askedZoneSpec());
    await daemon.zones.destroy(id);
    gate.resolve();
    await gone(daemon, id);
    expect(states).toEqual(['zone creating', 'zone destroying', 'zone destroyed']);
    nothingHeld();
  });

  it('destroys a ready zone: it is asked to shut down first, and nothing is left', async () => {
    host.answerWith(async (request) => {
      if (request.case === 'shutdown') host.machines.machines.get(id)?.end({ kind: 'poweroff' });
      const { create } = await import('@bufbuild/protobuf');
      const { ResponseSchema } = await import('@protect/proto/idm');
      return create(ResponseSchema, { response: { case: 'done', value: {} } });
    });
    await using daemon = await host.daemon();
    const id = await daemon.zones.create(askedZoneSpec());
    await reaches(daemon, id, 'ready');
    const machine = host.machines.machines.get(id);
    await daemon.zones.destroy(id);
    await daemon.zones.destroy(id);
    expect(daemon.zones.get(id).status.state).toBe('destroying');
    await gone(daemon, id);
    expect(machine?.requests.map((request) => request.case)).toEqual(['configure', 'shutdown']);
    nothingHeld();
    await expect(daemon.zones.destroy(id)).rejects.toMatchObject({ code: Code.NotFound });
  });

  it.each([
    [{ kind: 'poweroff' } as const, { state: 'exited', exitCode: 0 }],
    [{ kind: 'crash', message: 'kernel panic' } as const, { state: 'failed', message: 'kernel panic' }],
  ])('writes down how a machine ended: %o', async (end, status) => {
    await using daemon = await host.daemon();
    const id = await daemon.zones.create(askedZoneSpec());
    await reaches(daemon, id, 'ready');
    host.machines.machines.get(id)?.end(end);
    await waitFor(
      daemon.state,
      () => (daemon.zones.get(id).held ? undefined : true),
      AbortSignal.timeout(5_000),
    );
    expect(daemon.zones.get(id).status).toEqual(status);
    nothingHeld();
  });

  it('takes over a ready zone after a restart, and finishes what was under way', async () => {
    const first = await host.daemon();
    const ready = await first.zones.create(askedZoneSpec({ name: 'ready' }));
    await reaches(first, ready, 'ready');
    host.machines.holdStarts(new Promise(() => undefined));
    const under = await first.zones.create(askedZoneSpec({ name: 'under way' }));
    await reaches(first, under, 'creating');
    const machine = host.machines.machines.get(ready);
    // As after kill -9: what the first daemon was doing never comes to an end.
    host.machines.holdStarts(Promise.resolve());

    await using second = await host.daemon();
    await adoptZones(second.deps, second.supervisor, AbortSignal.timeout(5_000));
    await reaches(second, under, 'ready');
    expect(second.zones.get(under).generation).toBe(2);
    expect(host.machines.machines.get(ready)).toBe(machine);
    expect(second.supervisor.running(ready)?.domain).toBe(machine?.domain);
    await second.zones.destroy(ready);
    await second.zones.destroy(under);
    await Promise.all([gone(second, ready), gone(second, under)]);
    nothingHeld();
  });

  it('takes down a machine that no record knows, and writes down one that is gone', async () => {
    const first = await host.daemon();
    const lost = await first.zones.create(askedZoneSpec());
    await reaches(first, lost, 'ready');
    await first[Symbol.asyncDispose]();
    host.machines.machines.clear();

    await using second = await host.daemon();
    await adoptZones(second.deps, second.supervisor, AbortSignal.timeout(5_000));
    await reaches(second, lost, 'failed');
    expect(second.zones.get(lost).status).toMatchObject({ message: expect.stringContaining('gone') });
  });
});
