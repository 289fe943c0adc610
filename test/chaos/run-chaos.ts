import { setTimeout as delay } from 'node:timers/promises';
import { ConnectError } from '@connectrpc/connect';
import { type HostSnapshot, leftBehindBy, snapshotHost } from '../system/host-snapshot.ts';
import { startStack } from '../system/stack.ts';
import { makeChaosImages } from './chaos-images.ts';
import { describeFault, inflict, lastingMs } from './faults.ts';
import { journalSince, markJournal } from './journal.ts';
import { describeOperation, operate, zoneOfOperation } from './operations.ts';
import { planChaos, type Step, zoneOf } from './plan.ts';
import { residues } from './rest.ts';
import { watchSigns } from './signs.ts';
import { makeStateDisk } from './state-disk.ts';
import { ends, newProgress, type StepProgress, Violation } from './step-progress.ts';
import { untruths } from './truth.ts';
import { hangMs, type World } from './world.ts';
import { checkEndedZone, takeZoneAway } from './zone-life.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly faults: number;
  readonly print: (line: string) => void;
  /** Ends the run after the step that is under way. */
  readonly signal?: AbortSignal;
}

/** How long after each fault all was true, the start of what was killed included, ms, in the order of the steps. */
export type Recoveries = readonly number[];

/**
 * Carries the plan of a seed out on a stack of its own. Rejects with the step, the command that repeats the run
 * and the services' journal at the first thing that is not as it must be; nothing is left either way.
 */
export async function runChaos({ seed, faults, print, signal }: ChaosOptions): Promise<Recoveries> {
  await using held = new AsyncDisposableStack();
  const images = held.use(await makeChaosImages());
  const disk = held.use(await makeStateDisk());
  const stack = held.use(await startStack({ stateDir: disk.state }));
  const empty = await snapshotHost(stack.state, stack.netns);
  const signs = held.use(watchSigns(stack.client));
  const world: World = {
    ...{ stack, disk, images, signs },
    zones: new Map(),
    workloads: new Map(),
    ended: new Set(),
  };
  const recoveries: number[] = [];
  let mark = markJournal(stack);
  let at = 'before the first fault';
  try {
    for (const [index, step] of planChaos(seed, faults).entries()) {
      signal?.throwIfAborted();
      mark = markJournal(stack);
      at = `${index + 1} of ${faults}: ${describe(step)}`;
      const began = performance.now();
      const recoveredMs = await carryOut(world, step, empty);
      recoveries.push(recoveredMs);
      print(
        `${at}: all true after ${seconds(recoveredMs)}, at rest after ${seconds(performance.now() - began)}`,
      );
    }
    at = 'after the last fault';
    for (const slot of [...world.zones.keys()]) await takeZoneAway(world, slot);
    const left = await leftBehindBy(stack, empty);
    if (Object.keys(left).length > 0) throw new Violation(`left behind: ${JSON.stringify(left)}`);
    return recoveries;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    const told = [
      `step ${at}`,
      reasons(error),
      `to repeat it: npm run chaos -- --seed ${seed} --faults ${faults}`,
      `what the services logged in this step:\n${journalSince(stack, mark)}`,
    ];
    throw new Error(told.join('\n'), { cause: error });
  }
}

/** Gives how long after the fault all was true, ms. */
async function carryOut(world: World, step: Step, empty: HostSnapshot): Promise<number> {
  const { signs } = world;
  const progress = newProgress(step.fault);
  const done = new AbortController();
  const operations = Promise.all(step.operations.map((operation) => operate(world, operation, progress)));
  const failed = new AbortController();
  operations.then(
    () => done.abort(),
    (error: unknown) => {
      done.abort();
      failed.abort(error);
    },
  );
  await signs.pass(step.afterSigns, done.signal);
  const before = new Map([...world.workloads.values()].map(({ id, lines }) => [id, lines]));
  progress.begun = true;
  const brokeAt = performance.now();
  await inflict(world, step.fault).finally(() => progress.over.resolve());
  await allTrue(world, async () => {
    failed.signal.throwIfAborted();
    return untruths(world, busyIn(world, progress, step), before);
  });
  const recoveredMs = performance.now() - brokeAt - lastingMs(step.fault);
  await unlessHung(operations);
  if (step.fault.kind === 'end-machine') await checkEndedZone(world, step.fault.zone);
  await allTrue(world, async () => [
    ...(await untruths(world, new Set(), new Map())),
    ...(await residues(world, empty)),
  ]);
  return recoveredMs;
}

/** A call without an answer must not hold the run up for good. */
async function unlessHung(operations: Promise<unknown>): Promise<void> {
  const hung = Promise.withResolvers<never>();
  const limitMs = 3 * hangMs;
  const timer = setTimeout(
    () => hung.reject(new Violation(`an operation hangs ${limitMs / 1000} s after the fault`)),
    limitMs,
  );
  await Promise.race([operations, hung.promise]).finally(() => clearTimeout(timer));
}

/** Waits until there is nothing to complain of; a service that has ended by itself is not waited for. */
async function allTrue(
  { stack: { services, nats } }: World,
  complaints: () => Promise<readonly string[]>,
): Promise<void> {
  const giveUpAt = performance.now() + hangMs;
  for (;;) {
    for (const process of [...Object.values(services), nats]) {
      if (!process.alive()) throw new Violation(`${process.name} has ended by itself`);
    }
    const told = await complaints().catch((error: unknown) => {
      // The daemon is away for a moment.
      if (error instanceof ConnectError) return [`the state cannot be told: ${String(error)}`];
      throw error;
    });
    if (told.length === 0) return;
    if (performance.now() > giveUpAt) {
      throw new Violation(`not true ${hangMs / 1000} s after the fault:\n  ${told.join('\n  ')}`);
    }
    await delay(lookAgainMs);
  }
}

/** There is no event for the end of a process or a link. */
const lookAgainMs = 100;

/** The ids of what operations of the step are about, or its fault. */
function busyIn(world: World, progress: StepProgress, step: Step): Set<string> {
  const busy = new Set<string>();
  for (const operation of step.operations) {
    if (operation.do === 'pull' || operation.do === 'exec') continue;
    const id =
      'zone' in operation ? world.zones.get(operation.zone)?.id : world.workloads.get(operation.workload)?.id;
    if (id !== undefined) busy.add(id);
    if (operation.do === 'destroy-zone') addWorkloads(zoneOfOperation(operation));
  }
  for (const [slot, { id }] of world.zones) {
    if (!ends(progress, slot)) continue;
    busy.add(id);
    addWorkloads(slot);
  }
  return busy;

  function addWorkloads(zone: string): void {
    for (const [slot, { id }] of world.workloads) if (zoneOf(slot) === zone) busy.add(id);
  }
}

function describe({ operations, fault, afterSigns }: Step): string {
  return `${operations.map(describeOperation).join(', ')} | ${describeFault(fault)} after ${afterSigns} signs`;
}

/** The message of an error with those of its causes. */
function reasons(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause === undefined ? message : `${message}\n  because: ${reasons(cause)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
