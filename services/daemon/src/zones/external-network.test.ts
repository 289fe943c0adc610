import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { ResponseSchema } from '@protect/proto/idm';
import { describe, expect, it } from 'vitest';
import type { ZoneNetwork } from '../state/zone-record.ts';
import { type TestDaemon, type TestHost, testHost } from '../testing/test-daemon.ts';
import { adoptZones } from './adopt.ts';
import { leftOut } from './external-network.ts';
import { askedZoneSpec } from './test-zone.ts';

const network: ZoneNetwork = {
  interfaces: [
    { name: 'eth0', mac: '02:00:00:00:00:01', addresses: [{ address: '10.1.0.2/24', gateway: '' }], mtu: 0 },
  ],
  routes: [{ destination: '0.0.0.0/0', gateway: '10.1.0.1', interface: 'eth0', source: '' }],
  neighbors: [{ address: '10.1.0.1', mac: '02:00:00:00:00:99', interface: 'eth0' }],
};
const signal = () => AbortSignal.timeout(5_000);

async function externalZone(daemon: TestDaemon): Promise<ZoneId> {
  const id = await daemon.zones.create(
    askedZoneSpec({ network: { backend: 'external', retainReservation: false } }),
  );
  await expect.poll(() => daemon.state.zones.get(id)?.status).toEqual({ state: 'ready' });
  return id;
}

const configurations = (host: TestHost, id: ZoneId) =>
  (host.machines.machines.get(id)?.requests ?? []).flatMap((request) =>
    request.case === 'configure' ? [request.value] : [],
  );

describe('a zone whose network is external', () => {
  it('gets no link of ours, and what it is given later', async () => {
    await using host = await testHost();
    await using daemon = await host.daemon();
    const id = await externalZone(daemon);
    expect(host.peers.calls).not.toContain('network.prepareZone');
    expect(daemon.zones.get(id).placement?.link).toBeUndefined();
    await daemon.zones.configureNetwork(id, network, signal());
    expect(daemon.zones.get(id).network).toEqual(network);
    expect(configurations(host, id).at(-1)).toEqual({
      links: [{ mac: '02:00:00:00:00:01', name: 'eth0', addresses: ['10.1.0.2/24'], mtu: 0 }],
      routes: [{ destination: '0.0.0.0/0', gateway: '10.1.0.1', link: 'eth0', onLink: true, source: '' }],
      neighbors: [{ address: '10.1.0.1', mac: '02:00:00:00:00:99', link: 'eth0' }],
    });
  });

  it('is told it again by the next daemon', async () => {
    await using host = await testHost();
    let id: ZoneId;
    {
      await using daemon = await host.daemon();
      id = await externalZone(daemon);
      await daemon.zones.configureNetwork(id, network, signal());
    }
    const before = configurations(host, id).length;
    await using next = await host.daemon();
    await adoptZones(next.deps, next.supervisor, signal());
    await expect.poll(() => configurations(host, id).length).toBe(before + 1);
    expect(configurations(host, id).at(-1)).toMatchObject({ links: [{ name: 'eth0' }] });
    expect(next.zones.get(id).network).toEqual(network);
  });

  it('may be given more, and nothing less', async () => {
    await using host = await testHost();
    await using daemon = await host.daemon();
    const id = await externalZone(daemon);
    await daemon.zones.configureNetwork(id, network, signal());
    const less = { ...network, routes: [] };
    await expect(daemon.zones.configureNetwork(id, less, signal())).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: expect.stringContaining('the route to 0.0.0.0/0'),
    });
    const route = { destination: '10.9.0.0/16', gateway: '', interface: 'eth0', source: '' };
    const more = { ...network, routes: [...network.routes, route] };
    await daemon.zones.configureNetwork(id, more, signal());
    expect(daemon.zones.get(id).network).toEqual(more);
  });

  it.each([
    [
      new ConnectError('configure links: link 02:.. has not come', Code.DeadlineExceeded),
      Code.FailedPrecondition,
    ],
    [new ConnectError('configure network: route x: unreachable', Code.Internal), Code.FailedPrecondition],
    [new ConnectError('the zone did not answer', Code.DeadlineExceeded), Code.DeadlineExceeded],
  ])('keeps what it has when it cannot have more: %s', async (refusal, code) => {
    await using host = await testHost();
    let refuses = false;
    host.answerWith(() => {
      if (refuses) throw refusal;
      return create(ResponseSchema, { response: { case: 'done', value: {} } });
    });
    await using daemon = await host.daemon();
    const id = await externalZone(daemon);
    refuses = true;
    await expect(daemon.zones.configureNetwork(id, network, signal())).rejects.toMatchObject({
      code,
      rawMessage: expect.stringContaining(refusal.rawMessage),
    });
    expect(daemon.zones.get(id).network).toBeUndefined();
  });

  it('is the only kind that is configured like this', async () => {
    await using host = await testHost();
    await using daemon = await host.daemon();
    const id = await daemon.zones.create(askedZoneSpec());
    await expect(daemon.zones.configureNetwork(id, network, signal())).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: expect.stringContaining('backend default'),
    });
  });
});

it('what a later network leaves out is named', () => {
  const [eth0] = network.interfaces;
  expect(leftOut(network, network)).toBeUndefined();
  expect(leftOut(network, { ...network, interfaces: [] })).toBe('interface eth0');
  expect(leftOut(network, { ...network, neighbors: [] })).toBe('neighbour 10.1.0.1');
  const bare = eth0 === undefined ? [] : [{ ...eth0, addresses: [] }];
  expect(leftOut(network, { ...network, interfaces: bare })).toBe('address 10.1.0.2/24 of eth0');
});
