import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import type { Link } from '@protect/proto/network';
import { expect, test } from 'vitest';
import { linkName } from '../src/links/link-name.ts';
import { makeNamespace } from './network-namespace.ts';
import { startNetwork, taps } from './start-network.ts';

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

test('links: an interface of the hypervisor’s own becomes the zone’s link, once the policy is in force', async () => {
  await using network = await startNetwork();
  await network.configure();
  const zone = await network.prepare({ kind: 'vif' });
  const name = linkName(zone.zoneId);
  expect(zone.link).toMatchObject({ hostInterface: name, ipv4: '10.75.0.3/32' });
  expect(network.namespace.run('nft', 'list', 'ruleset')).toContain(`"${name}" . ${zone.link.zoneMac}`);
  // A pair of virtual cables, as a back end makes one end of, in the host's own namespace.
  const vif = `vif${process.pid % 30_000}.9`;
  execFileSync('ip', ['link', 'add', vif, 'type', 'veth', 'peer', 'name', `${vif}m`]);
  try {
    await network.attach(zone.zoneId, vif);
    await network.attach(zone.zoneId, name);
    expect((await network.prepare(zone)).link).toEqual(zone.link);
    expect(network.namespace.run('ip', '-4', 'route', 'show', 'dev', name)).toContain('10.75.0.3');
    await network.forget();
    await network.configure([{ zoneId: zone.zoneId, generation: 1n }]);
    expect((await network.prepare(zone)).link).toEqual(zone.link);
    await network.release(zone.zoneId);
    expect(network.namespace.run('ip', '-o', 'link')).not.toContain(name);
  } finally {
    if (existsSync(`/sys/class/net/${vif}m`)) execFileSync('ip', ['link', 'delete', `${vif}m`]);
  }
});

test('links: an interface that is not there, or of a zone that was prepared otherwise, is refused by name', async () => {
  await using network = await startNetwork();
  await network.configure();
  const vif = await network.prepare({ kind: 'vif' });
  const tap = await network.prepare();
  await expect(network.attach(vif.zoneId, 'vif65000.9')).rejects.toMatchObject({
    code: Code.NotFound,
    message: expect.stringContaining('no interface vif65000.9'),
  });
  for (const attempt of [
    network.attach(tap.zoneId, 'vif65000.9'),
    network.attach(vif.zoneId, 'vif65000.9', 2n),
    network.attach(newZoneId(), 'vif65000.9'),
  ]) {
    await expect(attempt).rejects.toMatchObject({ code: Code.FailedPrecondition });
  }
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
      vif: { isUp: true, proxyArp: '1', oldName: false },
      // 2: goes on taking router advertisements although the host forwards now.
      uplinkAcceptRa: ['2', '2'],
      defaultProxyArp: '0',
    });
    expect(taps(host)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
