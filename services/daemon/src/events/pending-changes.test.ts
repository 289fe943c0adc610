import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Change, changeKey, isFinal } from '../state/change.ts';
import { type ZoneStatus, zoneStatus } from '../state/zone-record.ts';
import { zoneRecordOf } from '../zones/test-zone.ts';
import { createPendingChanges } from './pending-changes.ts';

const zones = Array.from({ length: 4 }, () => zoneRecordOf());
const states = zoneStatus.options.map(({ shape }) => shape.state.value);

function statusOf(state: (typeof states)[number]): ZoneStatus {
  return zoneStatus.parse({ state, exitCode: 0, message: 'why' });
}

const step = fc.oneof(
  fc.record({
    do: fc.constant('push' as const),
    zone: fc.nat(zones.length - 1),
    state: fc.constantFrom(...states),
  }),
  fc.record({ do: fc.constant('shift' as const) }),
);

/** All ends of one object, those that are told twice in a row once. */
function ends(changes: readonly Change[], key: string): string[] {
  const final = changes.filter((change) => changeKey(change) === key && isFinal(change));
  return final
    .map(({ record }) => record.status.state)
    .filter((state, index, all) => state !== all[index - 1]);
}

describe('changes that wait for a reader', () => {
  it('are all there and in order while it is not far behind', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pending = createPendingChanges(1_000);
        const pushed: Change[] = [];
        const taken: Change[] = [];
        const take = () => {
          const change = pending.shift();
          if (change !== undefined) taken.push(change);
          return change;
        };
        for (const each of steps) {
          if (each.do === 'shift') take();
          else {
            const change = changeOf(each);
            pushed.push(change);
            pending.push(change);
          }
        }
        while (take() !== undefined);
        expect(taken).toEqual(pushed);
      }),
    );
  });

  it('are in order, few, without a missing end, and at last the newest of each object, however slow it is', () => {
    fc.assert(
      fc.property(fc.nat(6), fc.array(step, { maxLength: 200 }), (backlog, steps) => {
        const pending = createPendingChanges(backlog);
        const pushed: Change[] = [];
        const taken: Change[] = [];
        const take = () => {
          const change = pending.shift();
          if (change !== undefined) taken.push(change);
          return change;
        };
        for (const each of steps) {
          if (each.do === 'shift') {
            take();
            continue;
          }
          const change = changeOf(each);
          pushed.push(change);
          pending.push(change);
          const endsWaiting = pushed.filter((one) => isFinal(one) && !taken.includes(one)).length;
          expect(pending.size).toBeLessThanOrEqual(backlog + zones.length + endsWaiting);
        }
        while (take() !== undefined);
        expect(pending.size).toBe(0);
        const order = taken.map((change) => pushed.indexOf(change));
        expect(order).toEqual(order.toSorted((a, b) => a - b));
        expect(new Set(order).size).toBe(order.length);
        for (const { id } of zones) {
          const key = `zone/${id}`;
          const ofObject = (changes: readonly Change[]) =>
            changes.filter((change) => changeKey(change) === key);
          expect(ends(taken, key)).toEqual(ends(pushed, key));
          expect(ofObject(taken).at(-1)).toBe(ofObject(pushed).at(-1));
        }
      }),
    );
  });

  it('are the newest state and the ends of each object, for a reader that is far behind', () => {
    const pending = createPendingChanges(3);
    const walk = ['creating', 'created', 'ready', 'exited', 'destroying', 'destroyed'] as const;
    for (const state of walk) {
      for (const zone of [0, 1]) pending.push(changeOf({ zone, state }));
    }
    const taken: string[] = [];
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      taken.push(`${zones.findIndex(({ id }) => id === next?.record.id)} ${next.record.status.state}`);
    }
    expect(taken).toEqual(['0 exited', '1 exited', '0 destroyed', '1 destroyed']);
  });
});

function changeOf({ zone, state }: { zone: number; state: (typeof states)[number] }): Change {
  const record = zones[zone];
  if (record === undefined) throw new Error('there is no such zone in this test');
  return { kind: 'zone', record: { ...record, status: statusOf(state) } };
}
