import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, createClient } from '@connectrpc/connect';
import { connectBus } from '@protect/bus/connection';
import { prepareNatsServer } from '@protect/bus/server-config';
import { startNatsServer } from '@protect/bus/server-process';
import { createBusTransport } from '@protect/bus/transport';
import { newZoneId } from '@protect/config/ids';
import { statePaths } from '@protect/config/paths';
import { NetworkService } from '@protect/proto/network';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { launchService } from '../../../packages/service/test/launch-service.ts';
import { makeNamespace } from './network-namespace.ts';

const launcher = join(import.meta.dirname, '..', 'bin', 'protect-network');
const logger = pino({ level: 'silent' });
const subnets = { ipv4Subnet: '10.75.0.0/16', ipv6Subnet: 'fdd4:1476:6c7e::/48' };

/** nats-server and a namespace for the links, with a client that speaks as the daemon. */
async function startHost() {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'protect-network-service-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const namespace = undo.use(makeNamespace());
  const paths = statePaths(folder);
  await prepareNatsServer(paths);
  const nats = await startNatsServer(paths);
  undo.defer(() => nats.stop());
  const bus = await connectBus(paths, 'daemon', { signal: AbortSignal.timeout(20_000), logger });
  undo.defer(() => bus.close());
  const transport = createBusTransport(bus, 'network', { defaultTimeoutMs: 20_000 });
  const keep = undo.move();
  return {
    network: createClient(NetworkService, transport),
    namespace,
    launch: async () =>
      keep.use(await launchService(launcher, ['--state', folder, '--netns', namespace.name])),
    links: () => namespace.run('ip', '-o', 'link', 'show', 'type', 'tun'),
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}

test('protect-network: serves over NATS, and goes on with its state after kill -9', async () => {
  await using host = await startHost();
  const { network } = host;
  const first = await host.launch();
  const zone = { zoneId: newZoneId(), generation: 1n, uid: 200_001 };
  await expect(network.prepareZone(zone)).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await expect(network.getHostAddresses({})).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await network.configure({ revision: 1n, ...subnets, nameservers: ['1.1.1.1'] });
  const prepared = await network.prepareZone(zone);
  expect(prepared.link).toMatchObject({ netnsPath: host.namespace.path, nameservers: ['1.1.1.1'] });
  await first.end('SIGKILL');

  const second = await host.launch();
  expect(await network.prepareZone(zone)).toEqual(prepared);
  expect(await network.getHostAddresses({})).toMatchObject({ hostIpv4: '10.75.0.2/16' });
  await network.configure({ revision: 2n, ...subnets });
  expect(host.links()).toBe('');
  expect(await second.end('SIGTERM')).toBe(0);
});

test('protect-network: killed at any moment of PrepareZone, the same call makes the link whole', async () => {
  await using host = await startHost();
  const { network } = host;
  let service = await host.launch();
  await network.configure({ revision: 1n, ...subnets });
  const addresses = new Set<string>();
  for (let delayMs = 0; delayMs < 40; delayMs += 8) {
    const zone = { zoneId: newZoneId(), generation: 1n, uid: 200_001 };
    const cut = network.prepareZone(zone, { timeoutMs: 300 }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await service.end('SIGKILL');
    await cut;
    service = await host.launch();
    const { link } = await network.prepareZone(zone);
    addresses.add(link?.ipv4 ?? '');
    expect(host.links()).toContain(link?.hostInterface);
  }
  expect(addresses.size).toBe(5);
  await network.configure({ revision: 2n, ...subnets });
  expect(host.links()).toBe('');
});

test('protect-network: a namespace that is not there is a configuration error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'protect-network-service-'));
  try {
    const paths = statePaths(folder);
    await prepareNatsServer(paths);
    const nats = await startNatsServer(paths);
    try {
      const args = ['--state', folder, '--netns', 'no-such-namespace'];
      const { status, stdout } = spawnSync(launcher, args, { encoding: 'utf8', timeout: 20_000 });
      expect(stdout).toContain('ip netns add no-such-namespace');
      expect(status).toBe(78);
    } finally {
      await nats.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
