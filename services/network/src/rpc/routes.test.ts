import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { newReservationId, newZoneId, ownReservationId } from '@protect/config/ids';
import { NetworkService } from '@protect/proto/network';
import { expect, test } from 'vitest';
import { parseSubnet } from '../addressing/subnet.ts';
import { linkName } from '../links/link-name.ts';
import type { Zones } from '../zones.ts';
import { networkRoutes } from './routes.ts';

const zoneId = newZoneId();
const standing = newReservationId();
const reservation = {
  ipv4: { address: '10.75.3.9', prefixLength: 16 },
  ipv6: { address: 'fdd4:1476:6c7e::9', prefixLength: 48 },
  mac: '02:00:00:00:00:09',
  kept: true,
};
const configuration = {
  revision: 2n,
  ipv4: parseSubnet('ipv4', '10.75.0.0/16'),
  ipv6: parseSubnet('ipv6', 'fdd4:1476:6c7e::/48'),
  nameservers: ['1.1.1.1', '2606:4700:4700::1111'],
};
const wire = {
  revision: 2n,
  ipv4Subnet: '10.75.0.0/16',
  ipv6Subnet: 'fdd4:1476:6c7e::/48',
  nameservers: configuration.nameservers,
};

/** The service in front of a domain that only writes down what it is asked for. */
function connect() {
  const calls: unknown[] = [];
  const zones: Zones = {
    configured: () => true,
    configuration: () => configuration,
    async resume() {},
    async configure(next, retained) {
      calls.push({ next, retained });
    },
    async prepare(request) {
      calls.push(request);
      const { assume: id = ownReservationId(request.zoneId), keep: kept, ...zone } = request;
      return { ...reservation, id, kept, ...zone };
    },
    async attach(request) {
      calls.push(request);
    },
    async release(id) {
      calls.push(id);
    },
    reservations: () => [
      { ...reservation, id: standing },
      {
        ...reservation,
        ...{
          id: ownReservationId(zoneId),
          kept: false,
          zoneId,
          generation: 1n,
          uid: 1,
          kind: 'tap' as const,
        },
      },
    ],
    async createReservation(id) {
      return { ...reservation, id };
    },
    destroyReservation: async (id) => id === standing,
  };
  const routes = networkRoutes(zones, { path: '/run/netns/zones' });
  return { calls, client: createClient(NetworkService, createRouterTransport(routes)) };
}

test('rpc: a link comes with both of its sides, ready for the zone to use', async () => {
  const { client } = connect();
  const { link } = await client.prepareZone({ zoneId, generation: 1n, uid: 200_001 });
  expect(link).toMatchObject({
    hostInterface: linkName(zoneId),
    netnsPath: '/run/netns/zones',
    zoneMac: '02:00:00:00:00:09',
    gatewayMac: 'ee:ee:ee:ee:ee:ee',
    ipv4: '10.75.3.9/32',
    ipv6: 'fdd4:1476:6c7e::9/128',
    gatewayIpv4: '10.75.0.1',
    gatewayIpv6: 'fdd4:1476:6c7e::1',
    mtu: 1500,
    nameservers: configuration.nameservers,
  });
});

test('rpc: the host has the second address of each subnet', async () => {
  const { client } = connect();
  expect(await client.getHostAddresses({})).toMatchObject({
    hostIpv4: '10.75.0.2/16',
    hostIpv6: 'fdd4:1476:6c7e::2/48',
    hostMac: 'ee:ee:ee:ee:ee:ee',
    gatewayIpv4: '10.75.0.1/16',
    gatewayIpv6: 'fdd4:1476:6c7e::1/48',
    gatewayMac: 'ee:ee:ee:ee:ee:ee',
  });
});

test('rpc: requests reach the domain in its own terms', async () => {
  const { calls, client } = connect();
  await client.configure({ ...wire, zones: [{ zoneId, generation: 3n }] });
  await client.releaseZone({ zoneId });
  expect(calls).toEqual([{ next: configuration, retained: [{ zoneId, generation: 3n }] }, zoneId]);
  const zone = { zoneId, generation: 1n, uid: 200_001 };
  await client.prepareZone({ ...zone, assumeReservationId: standing, keepReservation: true });
  expect(calls.at(-1)).toEqual({ ...zone, kind: 'tap', assume: standing, keep: true });
});

test('rpc: a malformed request is INVALID_ARGUMENT, says which field, and reaches nobody', async () => {
  const { calls, client } = connect();
  const zone = { zoneId, generation: 1n, uid: 1 };
  const refusals: [string, () => Promise<unknown>][] = [
    ['zone_id', () => client.prepareZone({ zoneId: 'pz', generation: 1n, uid: 1 })],
    ['generation', () => client.prepareZone({ zoneId, generation: 0n, uid: 1 })],
    ['uid', () => client.prepareZone({ zoneId, generation: 1n, uid: 0 })],
    ['reservation_id', () => client.prepareZone({ ...zone, assumeReservationId: 'x' })],
    ['reservation_id', () => client.createReservation({})],
    ['reservation_id', () => client.destroyReservation({ reservationId: standing.toUpperCase() })],
    ['zone_id', () => client.releaseZone({ zoneId: '' })],
    ['ipv4_subnet', () => client.configure({ ...wire, ipv4Subnet: '' })],
    ['ipv6_subnet', () => client.configure({ ...wire, ipv6Subnet: 'fdd4::1/48' })],
    ['nameserver', () => client.configure({ ...wire, nameservers: ['dns.example'] })],
  ];
  for (const [field, attempt] of refusals) {
    await expect(attempt(), field).rejects.toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: expect.stringContaining(field),
    });
  }
  expect(calls).toEqual([]);
});

test('rpc: only a back end’s interface, or the zone’s own link, may be attached', async () => {
  const { client, calls } = connect();
  for (const name of ['vif12.0', linkName(zoneId)]) {
    await client.attachInterface({ zoneId, generation: 1n, interface: name });
    expect(calls.at(-1)).toEqual({ zoneId, generation: 1n, hostInterface: name });
  }
  for (const name of ['eth0', 'vif1.0; x', '-batch', '', linkName(newZoneId())]) {
    await expect(client.attachInterface({ zoneId, generation: 1n, interface: name })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
  }
});

test('rpc: reservations come with their gateways, and with the zone that has them', async () => {
  const { client } = connect();
  const wireOf = (reservationId: string) => ({
    reservationId,
    ipv4: '10.75.3.9/16',
    ipv6: 'fdd4:1476:6c7e::9/48',
    mac: '02:00:00:00:00:09',
    gatewayIpv4: '10.75.0.1',
    gatewayIpv6: 'fdd4:1476:6c7e::1',
    gatewayMac: 'ee:ee:ee:ee:ee:ee',
  });
  const { reservations } = await client.listReservations({});
  expect(reservations).toMatchObject([
    { ...wireOf(standing), zoneId: '', kept: true },
    { ...wireOf(zoneId), zoneId, kept: false },
  ]);
  const { reservation: created } = await client.createReservation({ reservationId: standing });
  expect(created).toMatchObject({ ...wireOf(standing), zoneId: '', kept: true });
  expect(await client.destroyReservation({ reservationId: standing })).toMatchObject({ destroyed: true });
  const absent = { reservationId: newReservationId() };
  expect(await client.destroyReservation(absent)).toMatchObject({ destroyed: false });
});
