import type { DomainEnd } from '../hypervisor/hypervisor.ts';
import type { ZoneState } from '../state/zone-record.ts';

/** The machine of a zone as the hypervisor shows it. */
export type Machine =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly followed: boolean }
  | { readonly kind: 'ended'; readonly end: DomainEnd };

/** What is, as far as it decides what to do next. */
export interface ZoneActual {
  readonly state: ZoneState;
  readonly machine: Machine;
  /** Anything of the zone but its logs may exist on the host. */
  readonly held: boolean;
  /** Workloads of the zone that are not on their way out yet. */
  readonly hasWorkloads: boolean;
}

export type ZoneAction =
  /** Make everything anew, after clearing what an interrupted attempt left. */
  | { readonly do: 'launch' }
  /** Open the message channel to a machine that runs. */
  | { readonly do: 'follow' }
  /** Bring a machine that runs to readiness. */
  | { readonly do: 'configure' }
  /** Write down how the machine ended. */
  | { readonly do: 'record-end'; readonly end: DomainEnd }
  | { readonly do: 'mark-destroying' }
  /** Mark the zone's workloads as on their way out too. */
  | { readonly do: 'dismiss-workloads' }
  /** Ask the zone to stop by itself, for a bounded time. */
  | { readonly do: 'shut-down' }
  | { readonly do: 'teardown' }
  | { readonly do: 'forget' };

const lost: DomainEnd = { kind: 'lost', message: 'the machine of the zone is gone' };

/**
 * What to do, in order, to bring a zone from what it is to what it shall be; nothing when it is there.
 * Pure: the same answer for the same facts, whatever led to them.
 */
export function plan(desired: 'ready' | 'gone', actual: ZoneActual): readonly ZoneAction[] {
  return desired === 'gone' ? planGone(actual) : planReady(actual);
}

function planReady(actual: ZoneActual): readonly ZoneAction[] {
  const { state, machine, held } = actual;
  const follow: readonly ZoneAction[] =
    machine.kind === 'running' && !machine.followed ? [{ do: 'follow' }] : [];
  switch (state) {
    case 'creating':
      return [{ do: 'launch' }, { do: 'follow' }, { do: 'configure' }];
    case 'created':
      if (machine.kind === 'running') return [...follow, { do: 'configure' }];
      return [{ do: 'record-end', end: endOf(machine) }, { do: 'teardown' }];
    case 'ready':
      if (machine.kind === 'running') return follow;
      return [{ do: 'record-end', end: endOf(machine) }, { do: 'teardown' }];
    case 'exited':
    case 'failed':
      return held || machine.kind !== 'none' ? [{ do: 'teardown' }] : [];
    case 'destroying':
    case 'destroyed':
      return planGone(actual);
    default:
      return state satisfies never;
  }
}

function planGone({ state, machine, held, hasWorkloads }: ZoneActual): readonly ZoneAction[] {
  const clear: readonly ZoneAction[] = held || machine.kind !== 'none' ? [{ do: 'teardown' }] : [];
  if (state === 'destroyed') return [...clear, { do: 'forget' }];
  const shutDown: readonly ZoneAction[] =
    machine.kind === 'running' && machine.followed ? [{ do: 'shut-down' }] : [];
  const mark: readonly ZoneAction[] = state === 'destroying' ? [] : [{ do: 'mark-destroying' }];
  const dismiss: readonly ZoneAction[] = hasWorkloads ? [{ do: 'dismiss-workloads' }] : [];
  return [...mark, ...dismiss, ...shutDown, ...clear, { do: 'forget' }];
}

function endOf(machine: Machine): DomainEnd {
  return machine.kind === 'ended' ? machine.end : lost;
}
