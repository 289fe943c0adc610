import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainEnd } from '../hypervisor/hypervisor.ts';
import type { ZoneState } from '../state/zone-record.ts';
import { type Machine, plan, type ZoneAction, type ZoneActual } from './plan.ts';
import { zoneHops } from './state.ts';

const poweroff: DomainEnd = { kind: 'poweroff' };
const none: Machine = { kind: 'none' };
const running: Machine = { kind: 'running', followed: false };
const followed: Machine = { kind: 'running', followed: true };
const ended: Machine = { kind: 'ended', end: poweroff };

const actual = (state: ZoneState, machine: Machine, more: Partial<ZoneActual> = {}): ZoneActual => ({
  state,
  machine,
  held: true,
  hasWorkloads: false,
  ...more,
});

const steps = (actions: readonly ZoneAction[]) => actions.map((action) => action.do);

describe('plan', () => {
  it.each<[string, ReadonlyArray<ZoneAction['do']>, 'ready' | 'gone', ZoneActual]>([
    ['launches a new zone', ['launch', 'follow', 'configure'], 'ready', actual('creating', none)],
    [
      'launches anew when a crash came between start and record',
      ['launch', 'follow', 'configure'],
      'ready',
      actual('creating', running),
    ],
    ['configures a machine that runs', ['configure'], 'ready', actual('created', followed)],
    ['follows an adopted machine first', ['follow', 'configure'], 'ready', actual('created', running)],
    ['follows a ready zone after a restart', ['follow'], 'ready', actual('ready', running)],
    ['leaves a ready zone alone', [], 'ready', actual('ready', followed)],
    ['records how a machine ended', ['record-end', 'teardown'], 'ready', actual('ready', ended)],
    ['records a machine that is gone', ['record-end', 'teardown'], 'ready', actual('ready', none)],
    ['records an end during boot', ['record-end', 'teardown'], 'ready', actual('created', ended)],
    ['frees what a failed zone holds', ['teardown'], 'ready', actual('failed', none)],
    ['leaves a failed zone that holds nothing', [], 'ready', actual('failed', none, { held: false })],
    ['frees an exited zone whose machine is known', ['teardown'], 'ready', actual('exited', ended)],
    [
      'destroys a ready zone in order',
      ['mark-destroying', 'shut-down', 'teardown', 'forget'],
      'gone',
      actual('ready', followed),
    ],
    [
      'dismisses workloads before it shuts down',
      ['dismiss-workloads', 'shut-down', 'teardown', 'forget'],
      'gone',
      actual('destroying', followed, { hasWorkloads: true }),
    ],
    [
      'does not ask a machine without a channel',
      ['teardown', 'forget'],
      'gone',
      actual('destroying', running),
    ],
    ['forgets a zone that holds nothing', ['forget'], 'gone', actual('destroying', none, { held: false })],
    ['finishes an interrupted end', ['teardown', 'forget'], 'gone', actual('destroying', none)],
    ['forgets what was destroyed', ['forget'], 'gone', actual('destroyed', none, { held: false })],
  ])('%s', (_title, expected, desired, facts) => {
    expect(steps(plan(desired, facts))).toEqual(expected);
  });

  it('brings every zone to its end in a few steps, whatever it is', async () => {
    const states = fc.constantFrom(...(Object.keys(zoneHops) as ZoneState[]));
    const machines = fc.constantFrom(none, running, followed, ended);
    await fc.assert(
      fc.property(states, machines, fc.boolean(), fc.boolean(), (state, machine, held, hasWorkloads) => {
        let facts: ZoneActual = { state, machine, held, hasWorkloads };
        for (let step = 0; step < 8; step++) {
          const [action] = plan('gone', facts);
          expect(action).toBeDefined();
          if (action?.do === 'forget') {
            expect(facts).toMatchObject({ held: false, machine: none });
            return;
          }
          facts = carriedOut(facts, action);
        }
        expect.fail('the zone never came to its end');
      }),
    );
  });
});

function carriedOut(facts: ZoneActual, action: ZoneAction | undefined): ZoneActual {
  switch (action?.do) {
    case 'mark-destroying':
      return { ...facts, state: 'destroying' };
    case 'dismiss-workloads':
      return { ...facts, hasWorkloads: false };
    case 'shut-down':
      return { ...facts, machine: running };
    case 'teardown':
      return { ...facts, machine: none, held: false };
    default:
      throw new Error(`${action?.do} has no place in the end of a zone`);
  }
}
