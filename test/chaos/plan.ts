import type { ServiceName } from '@protect/config/paths';
import { createRandom, type Random } from './random.ts';

export const zoneSlots = ['a', 'b'] as const;
export type ZoneSlot = (typeof zoneSlots)[number];

/** Two in each zone; the first letter is the zone's. */
export const workloadSlots = ['a1', 'a2', 'b1', 'b2'] as const;
export type WorkloadSlot = (typeof workloadSlots)[number];

export type Operation =
  | { readonly do: 'launch'; readonly zone: ZoneSlot }
  | { readonly do: 'start'; readonly workload: WorkloadSlot }
  | { readonly do: 'exec'; readonly workload: WorkloadSlot }
  | { readonly do: 'pull' }
  | { readonly do: 'destroy-workload'; readonly workload: WorkloadSlot }
  | { readonly do: 'destroy-zone'; readonly zone: ZoneSlot };

export const faultKinds = [
  'kill-daemon',
  'kill-storage',
  'kill-network',
  'kill-orchestrator',
  'kill-cri',
  'kill-several',
  'restart-nats',
  'kill-nats',
  'end-machine',
  'fill-disk',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export type Fault =
  /** SIGKILL to services, which are started again `awayMs` later. */
  | { readonly kind: 'kill-services'; readonly services: readonly ServiceName[]; readonly awayMs: number }
  | { readonly kind: 'restart-nats' }
  | { readonly kind: 'kill-nats'; readonly awayMs: number }
  /** SIGKILL to a zone's hypervisor, while the daemon is away when `unseen`. */
  | { readonly kind: 'end-machine'; readonly zone: ZoneSlot; readonly unseen: boolean }
  /** Not a byte is free on the state disk for `fullMs`. */
  | { readonly kind: 'fill-disk'; readonly fullMs: number };

export interface Step {
  /** Begun together; no two of them concern the same object. */
  readonly operations: readonly Operation[];
  readonly fault: Fault;
  /** How many signs of progress the fault lets pass, unless the operations are done before. */
  readonly afterSigns: number;
}

const allServices = ['daemon', 'storage', 'network', 'orchestrator', 'cri'] as const;

/** How long a service or nats-server is away, ms. */
const awayMs = [0, 300, 2_000] as const;
/** How long the disk is full, ms: the longest is more than any first retry waits. */
const fullMs = [500, 3_000, 12_000] as const;
const maxSigns = 5;
const maxOperations = 3;

/**
 * What to do and what to break, `faults` times: the same for the same seed. All kinds of faults come in turns,
 * each turn in an order of its own. The plan takes every operation for successful in the end; an ended zone is
 * taken away after its step.
 */
export function planChaos(seed: number, faults: number): Step[] {
  const random = createRandom(seed);
  const zones = new Set<ZoneSlot>();
  const workloads = new Set<WorkloadSlot>();
  const steps: Step[] = [];
  let kinds: FaultKind[] = [];
  while (steps.length < faults) {
    const operations = chooseOperations(random, zones, workloads);
    for (const operation of operations) apply(operation, zones, workloads);
    if (kinds.length === 0) kinds = random.shuffled(faultKinds);
    const mayEnd = [...zones];
    // With no zone to end, another kind takes its turn first.
    const at = kinds.findIndex((kind) => kind !== 'end-machine' || mayEnd.length > 0);
    const [kind] = kinds.splice(Math.max(at, 0), 1);
    const fault = chooseFault(random, at === -1 ? 'restart-nats' : (kind ?? 'restart-nats'), mayEnd);
    if (fault.kind === 'end-machine') removeZone(fault.zone, zones, workloads);
    steps.push({ operations, fault, afterSigns: random.below(maxSigns + 1) });
  }
  return steps;
}

/** The zone that a workload's slot is in. */
export function zoneOf(workload: WorkloadSlot): ZoneSlot {
  return workload.startsWith('a') ? 'a' : 'b';
}

function chooseOperations(
  random: Random,
  zones: ReadonlySet<ZoneSlot>,
  workloads: ReadonlySet<WorkloadSlot>,
): Operation[] {
  const possible = random.shuffled(possibleOperations(zones, workloads));
  // Without a workload there is little to lose.
  const urgent = possible.filter(
    (operation) =>
      (zones.size === 0 && operation.do === 'launch') || (workloads.size === 0 && operation.do === 'start'),
  );
  const chosen: Operation[] = [];
  const wanted = 1 + random.below(maxOperations);
  for (const operation of [...urgent, ...possible]) {
    if (chosen.length === wanted) break;
    if (!chosen.some((other) => collide(other, operation))) chosen.push(operation);
  }
  return chosen;
}

function possibleOperations(zones: ReadonlySet<ZoneSlot>, workloads: ReadonlySet<WorkloadSlot>): Operation[] {
  return [
    { do: 'pull' },
    ...zoneSlots.map((zone): Operation => ({ do: zones.has(zone) ? 'destroy-zone' : 'launch', zone })),
    ...workloadSlots.flatMap((workload): Operation[] => {
      if (!zones.has(zoneOf(workload))) return [];
      if (!workloads.has(workload)) return [{ do: 'start', workload }];
      return [
        { do: 'exec', workload },
        { do: 'destroy-workload', workload },
      ];
    }),
  ];
}

function collide(a: Operation, b: Operation): boolean {
  if (a.do === 'pull' || b.do === 'pull') return a.do === b.do;
  if ('workload' in a && 'workload' in b) return a.workload === b.workload;
  return zoneConcerned(a) === zoneConcerned(b);
}

function zoneConcerned(operation: Exclude<Operation, { do: 'pull' }>): ZoneSlot {
  return 'zone' in operation ? operation.zone : zoneOf(operation.workload);
}

function apply(operation: Operation, zones: Set<ZoneSlot>, workloads: Set<WorkloadSlot>): void {
  switch (operation.do) {
    case 'launch':
      zones.add(operation.zone);
      return;
    case 'start':
      workloads.add(operation.workload);
      return;
    case 'destroy-workload':
      workloads.delete(operation.workload);
      return;
    case 'destroy-zone':
      removeZone(operation.zone, zones, workloads);
      return;
    default:
  }
}

function removeZone(zone: ZoneSlot, zones: Set<ZoneSlot>, workloads: Set<WorkloadSlot>): void {
  zones.delete(zone);
  for (const workload of workloadSlots) if (zoneOf(workload) === zone) workloads.delete(workload);
}

function chooseFault(random: Random, kind: FaultKind, zones: readonly ZoneSlot[]): Fault {
  const kill = (...services: readonly ServiceName[]): Fault => ({
    kind: 'kill-services',
    services,
    awayMs: random.pick(awayMs),
  });
  const [zone = 'a'] = random.shuffled(zones);
  switch (kind) {
    case 'kill-daemon':
      return kill('daemon');
    case 'kill-storage':
      return kill('storage');
    case 'kill-network':
      return kill('network');
    case 'kill-orchestrator':
      return kill('orchestrator');
    case 'kill-cri':
      return kill('cri');
    case 'kill-several':
      return kill(...random.shuffled(allServices).slice(0, 2 + random.below(allServices.length - 1)));
    case 'restart-nats':
      return { kind };
    case 'kill-nats':
      return { kind, awayMs: random.pick(awayMs) };
    case 'end-machine':
      return { kind, zone, unseen: random.below(2) === 0 };
    case 'fill-disk':
      return { kind, fullMs: random.pick(fullMs) };
    default:
      return kind satisfies never;
  }
}
