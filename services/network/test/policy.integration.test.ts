import { expect, test } from 'vitest';
import { linkName } from '../src/links/link-name.ts';
import { makeNamespace, type TestNamespace } from './network-namespace.ts';
import { startStandIn } from './stand-in.ts';
import { pings, plain, startNetwork } from './start-network.ts';

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
