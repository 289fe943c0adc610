import { Code } from '@connectrpc/connect';
import { ZoneNetworkBackend } from '@protect/proto/control-common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, execute, launchWorkload, launchZone } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

test('a zone with an external network has what it is given, also when a daemon was killed', async () => {
  const { client } = stack;
  // No hypervisor gives such a zone an interface yet, so its kernel does.
  const { id: zoneId, status } = await launchZone(client, {
    networkOptions: { backend: ZoneNetworkBackend.EXTERNAL },
    kernelOptions: { modules: ['dummy'], moduleParameters: [{ module: 'dummy', parameter: 'numdummies=1' }] },
  });
  expect(status?.networkStatus).toBeUndefined();
  const workloadId = await launchWorkload(client, zoneId, await busyboxImage(), ['sleep', '1000'], {
    privileged: true,
  });
  const inZone = async (script: string) =>
    (await execute(client, { workloadId }, ['sh', '-c', script])).stdout;
  const zoneMac = (await inZone('cat /sys/class/net/dummy0/address')).trim();
  expect(await inZone('ls /sys/class/net')).not.toContain('eth0');

  const config = {
    interfaces: [
      { zoneInterface: 'lo', ips: [{ address: '10.99.0.1/32' }] },
      {
        zoneInterface: 'eth0',
        zoneMac,
        ips: [{ address: '10.1.2.3/24', gateway: '10.1.2.1' }, { address: 'fd00:1::3/64' }],
        mtu: 1400,
      },
    ],
    routes: [
      { destination: '0.0.0.0/0', gateway: '169.254.1.1', outputInterface: 'eth0', prefSource: '10.1.2.3' },
      { destination: '::/0', gateway: 'fd00:1::1', outputInterface: 'eth0' },
      { destination: '10.7.0.0/16', outputInterface: 'eth0' },
    ],
    neighbors: [
      { ipAddress: '169.254.1.1', linkLayerAddress: 'ee:ee:ee:ee:ee:ee', attachedInterface: 'eth0' },
    ],
  };
  await client.configureZoneNetwork({ zoneId, config });
  const expected = [
    'inet 10.99.0.1/32 scope global lo',
    'mtu 1400',
    'inet 10.1.2.3/24',
    'inet6 fd00:1::3/64',
    'default via 169.254.1.1 dev eth0',
    'default via fd00:1::1 dev eth0',
    '10.7.0.0/16 dev eth0',
    '169.254.1.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee',
  ];
  const look = async () => {
    const found = await inZone('ip addr; ip route; ip -6 route; ip neigh');
    return expected.filter((part) => !found.includes(part));
  };
  expect(await look()).toEqual([]);
  const told = async () => (await client.getZone({ zoneId })).zone?.status?.networkStatus;
  const before = await told();
  expect(before?.interfaces.map(({ zoneInterface }) => zoneInterface)).toEqual(['lo', 'eth0']);
  expect(before?.routes[0]).toMatchObject({ gateway: '169.254.1.1', table: 254, prefSource: '10.1.2.3' });

  // As if the daemon had been killed before the zone was told all of it.
  await inZone('ip route del 10.7.0.0/16; ip addr del 10.99.0.1/32 dev lo');
  expect(await look()).toHaveLength(2);
  await stack.services.daemon.kill9();
  await stack.services.daemon.restart();
  await eventually(client, 'the network told again', async () =>
    (await look()).length === 0 ? true : undefined,
  );
  expect(await told()).toEqual(before);

  const missing = { zoneInterface: 'eth1', zoneMac: '02:00:00:00:00:77' };
  const absent = { ...config, interfaces: [...config.interfaces, missing] };
  await expect(client.configureZoneNetwork({ zoneId, config: absent })).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringContaining('02:00:00:00:00:77'),
  });
  expect(await told()).toEqual(before);
});

test('a zone whose network is ours is not configured by others', async () => {
  const { id: zoneId } = await launchZone(stack.client);
  await expect(stack.client.configureZoneNetwork({ zoneId, config: {} })).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringContaining('backend default'),
  });
});
