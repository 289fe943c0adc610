import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { isLive } from '../zones/state.ts';
import { askedZoneSpec, zoneRecordOf } from '../zones/test-zone.ts';
import { findByName, resolveName } from './resolve-name.ts';

const named = (name: string, createdAtMs: number, state: 'ready' | 'destroying' = 'ready') =>
  zoneRecordOf({ spec: askedZoneSpec({ name }), createdAtMs, status: { state } });
const active = ({ status }: ReturnType<typeof named>) => isLive(status.state);

describe('a name', () => {
  it('means the newest active object', () => {
    const zones = [named('a', 1), named('a', 3), named('a', 5, 'destroying'), named('b', 9)];
    expect(resolveName('zone', zones, 'a', active)).toBe(zones[1]);
  });

  it('means the newest of all when none is active', () => {
    const zones = [named('a', 1, 'destroying'), named('a', 2, 'destroying')];
    expect(resolveName('zone', zones, 'a', active)).toBe(zones[1]);
  });

  it('may be an id, in any case of its letters', () => {
    const zones = [named('a', 1), named('b', 2)];
    const id = zones[0]?.id ?? '';
    expect(resolveName('zone', zones, id.toUpperCase(), active)).toBe(zones[0]);
  });

  it('finds all of its objects, newest first', () => {
    const zones = [named('a', 1), named('b', 2), named('a', 3)];
    expect(findByName(zones, 'a')).toEqual([zones[2], zones[0]]);
  });

  it('is never empty: zones without a name are found by id alone', () => {
    expect(findByName([named('', 1)], '')).toEqual([]);
  });

  it('that nobody has is NOT_FOUND', () => {
    try {
      resolveName('zone', [], 'a', active);
      expect.fail('found');
    } catch (error) {
      expect(ConnectError.from(error).code).toBe(Code.NotFound);
    }
  });
});
