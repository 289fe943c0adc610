import { Code } from '@connectrpc/connect';
import { newReservationId, newZoneId } from '@protect/config/ids';
import { expect, test } from 'vitest';
import { linkName } from '../src/links/link-name.ts';
import { plain, startNetwork, taps } from './start-network.ts';

test('reservations: one zone after the other has the same addresses, across restarts of the service', async () => {
  await using network = await startNetwork();
  await network.configure();
  const id = newReservationId();
  const { ipv4, mac } = await network.zones().createReservation(id);
  const first = await network.prepare({ assume: id });
  expect(first.link).toMatchObject({ ipv4: `${ipv4.address}/32`, zoneMac: mac });
  await network.restart();
  await network.configure([{ zoneId: first.zoneId, generation: 1n }]);
  expect((await network.prepare(first)).link).toEqual(first.link);
  await network.release(first.zoneId);
  expect(taps(network.namespace)).toEqual([]);
  await network.restart();
  await network.configure();
  expect((await network.prepare()).link.ipv4).not.toBe(first.link.ipv4);
  const second = await network.prepare({ assume: id });
  const { hostInterface, ...link } = first.link;
  expect(second.link).toEqual({ ...link, hostInterface: linkName(second.zoneId) });
  const route = network.namespace.run('ip', '-4', 'route', 'get', plain(second.link.ipv4));
  expect(route).toContain(linkName(second.zoneId));
});

test('reservations: the one of a zone that keeps it stays when the zone goes, however it goes', async () => {
  await using network = await startNetwork();
  await network.configure();
  const released = await network.prepare({ keep: true });
  const forgotten = await network.prepare({ keep: true });
  const transient = await network.prepare();
  await network.release(released.zoneId);
  await network.configure();
  expect(
    network
      .zones()
      .reservations()
      .map(({ id }) => id),
  ).toEqual([released.zoneId, forgotten.zoneId]);
  expect(network.zones().reservations()).not.toContainEqual(expect.objectContaining({ uid: 200_001 }));
  expect(taps(network.namespace)).toEqual([]);
  // Made anew, the zone has what it had; a zone that keeps nothing has not.
  expect((await network.prepare(released)).link).toEqual(released.link);
  await network.release(transient.zoneId);
});

test('reservations: a link tells which it has, so that a lost database loses none of a zone', async () => {
  await using network = await startNetwork();
  await network.configure();
  const id = newReservationId();
  await network.zones().createReservation(id);
  const zone = await network.prepare({ assume: id });
  await network.forget();
  await network.configure([{ zoneId: zone.zoneId, generation: 1n }]);
  expect((await network.prepare(zone)).link).toEqual(zone.link);
  await network.release(zone.zoneId);
  expect(network.zones().reservations()).toMatchObject([{ id, kept: true }]);
});

test('reservations: a zone gets none that is absent or another zone’s, and keeps none of a failed attempt', async () => {
  await using network = await startNetwork();
  await network.configure();
  const id = newReservationId();
  await expect(network.prepare({ assume: id })).rejects.toMatchObject({ code: Code.NotFound });
  await network.zones().createReservation(id);
  const { zoneId } = await network.prepare({ assume: id });
  const refusal = { rawMessage: expect.stringContaining(`belongs to zone ${zoneId}`) };
  for (const attempt of [network.prepare({ assume: id }), network.zones().destroyReservation(id)]) {
    await expect(attempt).rejects.toMatchObject({ ...refusal, code: Code.Aborted });
  }
  const late = newZoneId();
  const gone = network
    .zones()
    .prepare(
      { zoneId: late, generation: 1n, uid: 200_002, kind: 'tap', keep: true },
      AbortSignal.abort(new Error('the caller went away')),
    );
  await expect(gone).rejects.toThrow('the caller went away');
  expect(network.zones().reservations()).toHaveLength(1);
});
