import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import type { Link } from '@protect/proto/network';
import { openDatabase } from '@protect/service/database';
import { newZoneId, type ZoneId } from '@protect/service/ids';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { parseSubnet } from '../src/addressing/subnet.ts';
import { createKernelLinks } from '../src/links/kernel-links.ts';
import { linkName } from '../src/links/link-name.ts';
import { type Namespace, openNamespace } from '../src/namespace.ts';
import { createPacketFilter } from '../src/policy/packet-filter.ts';
import type { RetainedZone } from '../src/reservation.ts';
import { encodeLink } from '../src/rpc/encode-link.ts';
import { migrations } from '../src/state/migrations.ts';
import { openReservationStore } from '../src/state/reservation-store.ts';
import { createZones } from '../src/zones.ts';
import { makeNamespace, type TestNamespace } from './network-namespace.ts';
import { startStandIn } from './stand-in.ts';

const logger = pino({ level: 'silent' });
const deadline = () => AbortSignal.timeout(20_000);
const configuration = {
  revision: 1n,
  ipv4: parseSubnet('ipv4', '10.75.0.0/16'),
  ipv6: parseSubnet('ipv6', 'fdd4:1476:6c7e::/48'),
  nameservers: ['1.1.1.1'],
};

/** The service without its bus, on a state folder and a namespace of its own; `restart` is a new process. */
async function startNetwork() {
  await using undo = new AsyncDisposableStack();
  const namespace = undo.use(makeNamespace());
  const folder = await mkdtemp(join(tmpdir(), 'protect-network-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  let processes = 0;
  const start = async () => {
    const database = await openDatabase(join(folder, 'network.db'), migrations, { logger });
    const target = countingNamespace(await openNamespace(namespace.name), () => {
      processes += 1;
    });
    const zones = createZones({
      store: await openReservationStore(database, () => randomBytes(6)),
      namespace: target,
      links: createKernelLinks(target),
      filter: createPacketFilter(target),
    });
    await zones.resume(deadline());
    return { zones, database };
  };
  let running = await start();
  undo.defer(() => running.database.close());
  const keep = undo.move();
  const prepare = async (zone: Partial<{ zoneId: ZoneId; generation: bigint; uid: number }> = {}) => {
    const request = { zoneId: newZoneId(), generation: 1n, uid: 200_001, ...zone };
    const reservation = await running.zones.prepare(request, deadline());
    return { ...request, link: encodeLink(reservation, namespace.path, configuration.nameservers) };
  };
  return {
    namespace,
    prepare,
    /** Processes started so far. */
    processes: () => processes,
    release: (zoneId: ZoneId) => running.zones.release(zoneId, deadline()),
    configure: (retained: RetainedZone[] = []) =>
      running.zones.configure(configuration, retained, deadline()),
    async restart() {
      await running.database.close();
      running = await start();
    },
    async forget() {
      await running.database.close();
      await rm(join(folder, 'network.db'), { force: true });
      running = await start();
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}

function countingNamespace(namespace: Namespace, count: () => void): Namespace {
  return {
    path: namespace.path,
    ip(...call) {
      count();
      return namespace.ip(...call);
    },
    nft(...call) {
      count();
      return namespace.nft(...call);
    },
    setParameters(...call) {
      count();
      return namespace.setParameters(...call);
    },
  };
}

function taps(namespace: TestNamespace): string[] {
  return namespace
    .run('ip', '-o', 'link', 'show', 'type', 'tun')
    .split('\n')
    .flatMap((line) => line.match(/: (\S+):/)?.[1] ?? []);
}

function pings(namespace: TestNamespace, address: string): boolean {
  return namespace.succeeds('busybox', 'ping', '-c', '1', '-W', '2', address);
}

const plain = (cidr: string) => cidr.replace(/\/.*/, '');

test('links: zones get distinct addresses and a tap of their own, by two processes each', async () => {
  await using network = await startNetwork();
  await expect(network.prepare()).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await network.configure();
  const before = network.processes();
  const a = await network.prepare();
  expect(network.processes() - before).toBe(2);
  const b = await network.prepare({ uid: 200_002 });
  expect(a.link).toMatchObject({
    hostInterface: linkName(a.zoneId),
    netnsPath: network.namespace.path,
    ipv4: '10.75.0.3/32',
    ipv6: 'fdd4:1476:6c7e::3/128',
    gatewayIpv4: '10.75.0.1',
    gatewayIpv6: 'fdd4:1476:6c7e::1',
    mtu: 1500,
  });
  expect(b.link).toMatchObject({ ipv4: '10.75.0.4/32', ipv6: 'fdd4:1476:6c7e::4/128' });
  const details = network.namespace.run('ip', '-d', 'link', 'show', linkName(b.zoneId));
  expect(details).toContain('user 200002');
  expect(details).toContain('vnet_hdr on persist on');
  expect((await network.prepare(a)).link).toEqual(a.link);
  await network.release(a.zoneId);
  await network.release(a.zoneId);
  await network.release(b.zoneId);
  expect(taps(network.namespace)).toEqual([]);
  expect(network.namespace.run('nft', 'list', 'ruleset')).not.toContain('10.75.0.');
});

test('links: two zones reach each other in both families, the host only by ICMP', async () => {
  await using network = await startNetwork();
  await network.configure();
  const [a, b] = [await network.prepare(), await network.prepare({ uid: 200_002 })];
  await using first = await startStandIn(network.namespace, a.link);
  await using second = await startStandIn(network.namespace, b.link);
  void second;
  expect(pings(first.namespace, plain(b.link.ipv4))).toBe(true);
  expect(pings(first.namespace, plain(b.link.ipv6))).toBe(true);
  for (const host of ['10.75.0.1', '10.75.0.2', 'fdd4:1476:6c7e::1', 'fdd4:1476:6c7e::2']) {
    expect(pings(first.namespace, host), host).toBe(true);
    const { stderr } = refusedConnection(first.namespace, host);
    // A closed port of a reachable host would answer "Connection refused".
    expect(stderr, host).toMatch(/timed out/i);
  }
  // The host itself may open connections to its zones.
  expect(pings(network.namespace, plain(a.link.ipv4))).toBe(true);
  expect(pings(network.namespace, plain(a.link.ipv6))).toBe(true);
});

function refusedConnection(namespace: TestNamespace, host: string): { stderr: string } {
  try {
    const target = host.includes(':') ? `TCP6:[${host}]:80` : `TCP4:${host}:80`;
    namespace.run('socat', '-u', `${target},connect-timeout=0.4`, '-');
  } catch (error) {
    if (error instanceof Error && 'stderr' in error) return { stderr: String(error.stderr) };
    throw error;
  }
  throw new Error(`a connection from a zone to ${host} was accepted`);
}

test('policy: a zone that uses another address or MAC gets nothing through', async () => {
  await using network = await startNetwork();
  await network.configure();
  const [a, b] = [await network.prepare(), await network.prepare({ uid: 200_002 })];
  await using first = await startStandIn(network.namespace, a.link);
  await using second = await startStandIn(network.namespace, b.link);
  void second;
  const zone = first.namespace;
  expect(pings(zone, plain(b.link.ipv4))).toBe(true);

  zone.run('ip', 'address', 'add', '10.75.9.9/32', 'dev', 'eth0');
  zone.run('ip', 'address', 'add', 'fdd4:1476:6c7e::99/128', 'dev', 'eth0', 'nodad');
  network.namespace.run('ip', 'route', 'add', '10.75.9.9/32', 'dev', linkName(a.zoneId));
  network.namespace.run('ip', 'route', 'add', 'fdd4:1476:6c7e::99/128', 'dev', linkName(a.zoneId));
  expect(zone.succeeds('busybox', 'ping', '-c1', '-W1', '-I', '10.75.9.9', plain(b.link.ipv4))).toBe(false);
  expect(zone.succeeds('busybox', 'ping', '-c1', '-W1', '-I', 'fdd4:1476:6c7e::99', plain(b.link.ipv6))).toBe(
    false,
  );

  zone.run('ip', 'link', 'set', 'eth0', 'address', '02:66:66:66:66:66');
  expect(pings(zone, plain(b.link.ipv4))).toBe(false);
  zone.run('ip', 'link', 'set', 'eth0', 'address', a.link.zoneMac);
  expect(pings(zone, plain(b.link.ipv4))).toBe(true);
});

test('policy: zones reach the world behind the host, the world starts nothing towards them', async () => {
  await using network = await startNetwork();
  using world = makeNamespace();
  const { namespace } = network;
  namespace.run('ip', 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'uplink', 'netns', world.name);
  for (const [at, address] of [
    [namespace, '192.0.2.1/24'],
    [world, '192.0.2.2/24'],
  ] as const) {
    at.run('ip', 'address', 'add', address, 'dev', 'uplink');
    at.run('ip', 'link', 'set', 'uplink', 'up');
  }
  namespace.run('ip', 'route', 'add', 'default', 'via', '192.0.2.2');
  world.run('ip', 'route', 'add', '10.75.0.0/16', 'via', '192.0.2.1');
  await network.configure();
  const a = await network.prepare();
  await using first = await startStandIn(namespace, a.link);
  expect(pings(first.namespace, '192.0.2.2')).toBe(true);
  expect(pings(world, plain(a.link.ipv4))).toBe(false);
  // The metadata service of a cloud that the host runs in hands out the host's credentials.
  world.run('ip', 'address', 'add', '169.254.169.254/32', 'dev', 'uplink');
  namespace.run('ip', 'route', 'add', '169.254.169.254/32', 'via', '192.0.2.2');
  expect(pings(namespace, '169.254.169.254')).toBe(true);
  expect(pings(first.namespace, '169.254.169.254')).toBe(false);
  // Masquerading hides the zone's address: the world answers without a way back to it, too.
  world.run('ip', 'route', 'delete', '10.75.0.0/16');
  expect(pings(first.namespace, '192.0.2.2')).toBe(true);
});

test('links: after a restart everything is found again, and what is not retained goes', async () => {
  await using network = await startNetwork();
  await network.configure();
  const [kept, dropped] = [await network.prepare(), await network.prepare()];
  network.namespace.run('ip', 'tuntap', 'add', 'dev', 'pz0123456789ab', 'mode', 'tap');
  await network.restart();
  expect((await network.prepare(kept)).link).toEqual(kept.link);
  await network.configure([{ zoneId: kept.zoneId, generation: 1n }]);
  expect(taps(network.namespace)).toEqual([linkName(kept.zoneId)]);
  expect((await network.prepare(kept)).link).toEqual(kept.link);
  const next = await network.prepare();
  expect(next.link.ipv4).toBe(dropped.link.ipv4);
});

test('links: a process killed between any two steps is made good by the same request', async () => {
  await using network = await startNetwork();
  await network.configure();
  const zone = await network.prepare();
  const name = linkName(zone.zoneId);
  const damages: (() => void)[] = [
    () => network.namespace.run('ip', 'link', 'delete', name),
    () => network.namespace.run('nft', 'flush', 'ruleset'),
    () => network.namespace.run('ip', 'address', 'flush', 'dev', name),
    () => network.namespace.run('ip', 'link', 'set', name, 'down'),
    () => {
      network.namespace.run('ip', 'link', 'delete', name);
      network.namespace.run('ip', 'tuntap', 'add', 'dev', name, 'mode', 'tap', 'user', '7');
    },
  ];
  const shape = () =>
    ['addr', 'route', '-6 route', 'neigh']
      .map((what) => network.namespace.run('ip', '-o', ...what.split(' '), 'show', 'dev', name))
      .join('')
      .replaceAll(/^\d+: /gm, '')
      .split('\n')
      .toSorted();
  const sound = shape();
  for (const damage of damages) {
    damage();
    await network.restart();
    await network.configure([{ zoneId: zone.zoneId, generation: 1n }]);
    expect((await network.prepare(zone)).link).toEqual(zone.link);
    expect(shape()).toEqual(sound);
    expect(network.namespace.run('ip', '-d', 'link', 'show', name)).toContain('user 200001');
    expect(network.namespace.run('nft', 'list', 'ruleset')).toContain(`"${name}" . ${zone.link.zoneMac}`);
  }
});

test('links: without its database the service adopts the zones that the taps tell of', async () => {
  await using network = await startNetwork();
  await network.configure();
  const zones = [await network.prepare(), await network.prepare(), await network.prepare()];
  const [a, , c] = zones;
  if (a === undefined || c === undefined) throw new Error('three zones were prepared');
  await network.forget();
  await network.configure([a, c].map(({ zoneId }) => ({ zoneId, generation: 1n })));
  expect((await network.prepare(c)).link).toEqual(c.link);
  expect(taps(network.namespace).toSorted()).toEqual([a, c].map(({ zoneId }) => linkName(zoneId)).toSorted());
  expect((await network.prepare()).link.ipv4).toBe('10.75.0.4/32');
});

test('links: a new generation keeps the addresses and gives the tap to its new owner', async () => {
  await using network = await startNetwork();
  await network.configure();
  const zone = await network.prepare();
  const renewed = await network.prepare({ ...zone, generation: 2n, uid: 200_009 });
  expect(renewed.link).toEqual(zone.link);
  expect(network.namespace.run('ip', '-d', 'link', 'show', linkName(zone.zoneId))).toContain('user 200009');
  await expect(network.prepare(zone)).rejects.toMatchObject({ code: Code.FailedPrecondition });
});

test('links: a link that cannot be made leaves nothing behind', async () => {
  await using network = await startNetwork();
  await network.configure();
  const zoneId = newZoneId();
  // Another kind of interface with the name that the tap would get.
  network.namespace.run('ip', 'link', 'add', linkName(zoneId), 'type', 'bridge');
  await expect(network.prepare({ zoneId })).rejects.toMatchObject({ code: Code.Internal });
  expect(network.namespace.run('nft', 'list', 'ruleset')).not.toContain(linkName(zoneId));
  expect((await network.prepare()).link.ipv4).toBe('10.75.0.3/32');
});

test('links: many zones at once are all made, each once', async () => {
  await using network = await startNetwork();
  await network.configure();
  const started = performance.now();
  const zones = await Promise.all(Array.from({ length: 40 }, () => network.prepare()));
  const tookMs = performance.now() - started;
  console.log(`40 links at once: ${tookMs.toFixed(0)} ms`);
  expect(new Set(zones.map(({ link }: { link: Link }) => link.ipv4)).size).toBe(40);
  expect(taps(network.namespace)).toHaveLength(40);
  const times: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    const begun = performance.now();
    await network.prepare();
    times.push(performance.now() - begun);
  }
  console.log(`one link: median ${times.toSorted((a, b) => a - b)[5]?.toFixed(1)} ms`);
});

test("links: in the host's own namespace other interfaces keep working as before", async () => {
  using host = makeNamespace();
  const folder = await mkdtemp(join(tmpdir(), 'protect-network-'));
  try {
    host.run('ip', 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'uplink.7');
    host.run('sysctl', '-qw', 'net/ipv6/conf/uplink/accept_ra=1', 'net/ipv6/conf/uplink.7/accept_ra=1');
    const script = join(import.meta.dirname, 'host-namespace.ts');
    const report = host.run(process.execPath, script, join(folder, 'network.db'));
    expect(JSON.parse(report)).toEqual({
      netnsPath: '',
      forwarding: ['1', '1'],
      tap: ['1', '0', '0'],
      // 2: goes on taking router advertisements although the host forwards now.
      uplinkAcceptRa: ['2', '2'],
      defaultProxyArp: '0',
    });
    expect(taps(host)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
