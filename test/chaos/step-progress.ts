import { Code, ConnectError } from '@connectrpc/connect';
import type { Fault, ZoneSlot } from './plan.ts';

/** How far the fault of one step is. */
export interface StepProgress {
  readonly fault: Fault;
  begun: boolean;
  /** Settles when the fault is over: services started again, space given back. */
  readonly over: PromiseWithResolvers<void>;
}

/** Something that no fault excuses. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** An operation that fails once more when nothing is broken any more. */
export class FailedAgain extends Error {
  override readonly name = 'FailedAgain';
}

export function newProgress(fault: Fault): StepProgress {
  return { fault, begun: false, over: Promise.withResolvers() };
}

/** Whether the machine of this zone is ended in this step, and with it all that was asked of the zone. */
export function ends({ fault }: StepProgress, zone: ZoneSlot): boolean {
  return fault.kind === 'end-machine' && fault.zone === zone;
}

/**
 * Carries an operation out as a patient user does: what fails while something is broken is done again, once, when
 * it is over. `attempt` looks at what an earlier one has done. What fails for no reason, or again, is an error.
 */
export async function perform(
  name: string,
  progress: StepProgress,
  attempt: () => Promise<void>,
): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof Violation) throw error;
    if (!progress.begun) throw new Error(`${name} failed before anything was broken`, { cause: error });
    if (error instanceof ConnectError && error.code === Code.Unknown) {
      throw new Violation(`${name} failed without a code`, { cause: error });
    }
    await progress.over.promise;
    try {
      await attempt();
    } catch (again) {
      if (again instanceof Violation) throw again;
      throw new FailedAgain(`${name} failed although nothing was broken any more`, { cause: again });
    }
  }
}
