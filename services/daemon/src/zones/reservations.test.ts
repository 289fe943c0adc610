import { Code } from '@connectrpc/connect';
import { newReservationId, type ReservationId } from '@protect/config/ids';
import { describe, expect, it } from 'vitest';
import { zoneRecord } from '../state/zone-record.ts';
import { testHost } from '../testing/test-daemon.ts';
import { askedZoneSpec, zoneRecordOf } from './test-zone.ts';

const assuming = (assumeReservation: ReservationId) =>
  askedZoneSpec({ network: { backend: 'default', assumeReservation, retainReservation: false } });

describe('a zone that assumes a network reservation', () => {
  it('gets it, and leaves it when it is destroyed', async () => {
    await using host = await testHost();
    await using daemon = await host.daemon();
    const reservation = newReservationId();
    host.peers.held.reservations.set(reservation, '');
    const id = await daemon.zones.create(assuming(reservation));
    await expect.poll(() => daemon.state.zones.get(id)?.status.state).toBe('ready');
    expect(host.peers.held.reservations.get(reservation)).toBe(id);
    await daemon.zones.destroy(id);
    await expect.poll(() => daemon.state.zones.get(id)).toBeUndefined();
    expect(host.peers.held.reservations.get(reservation)).toBe('');
  });

  it('is refused when there is none, or when another zone has it or is about to', async () => {
    await using host = await testHost();
    await using daemon = await host.daemon();
    const reservation = newReservationId();
    await expect(daemon.zones.create(assuming(reservation))).rejects.toMatchObject({ code: Code.NotFound });
    host.peers.held.reservations.set(reservation, '');
    const attempts = await Promise.allSettled([
      daemon.zones.create(assuming(reservation)),
      daemon.zones.create(assuming(reservation)),
    ]);
    const [winner] = attempts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const losers = attempts.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const refusal = {
      code: Code.FailedPrecondition,
      rawMessage: expect.stringContaining(`belongs to zone ${winner}`),
    };
    expect(losers).toMatchObject([refusal]);
    await expect.poll(() => host.peers.held.reservations.get(reservation)).toBe(winner);
    await expect(daemon.zones.create(assuming(reservation))).rejects.toMatchObject(refusal);
    expect(daemon.state.zones.all()).toHaveLength(1);
  });

  it('cannot be one without a link of ours', async () => {
    await using host = await testHost();
    await using daemon = await host.daemon();
    const network = { backend: 'none' as const, retainReservation: true };
    await expect(daemon.zones.create(askedZoneSpec({ network }))).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});

describe('a zone that retains its network reservation', () => {
  it('leaves one that is named like it', async () => {
    await using host = await testHost();
    await using daemon = await host.daemon();
    const network = { backend: 'default' as const, retainReservation: true };
    const id = await daemon.zones.create(askedZoneSpec({ network }));
    await expect.poll(() => daemon.state.zones.get(id)?.status.state).toBe('ready');
    await daemon.zones.destroy(id);
    await expect.poll(() => daemon.state.zones.get(id)).toBeUndefined();
    expect([...host.peers.held.reservations]).toEqual([[id, '']]);
  });
});

it('a record of an earlier release has and retains no reservation', () => {
  const { spec, ...record } = zoneRecordOf();
  const old = { ...record, spec: { ...spec, network: { backend: 'default' } } };
  expect(zoneRecord.parse(old).spec.network).toEqual({ backend: 'default', retainReservation: false });
});
