import { Code, ConnectError } from '@connectrpc/connect';
import { type HostCpu, readCpuTopology } from './cpu-topology.ts';
import { setGovernor } from './power-policy.ts';

/** The host's processors, as who owns them tells and steers them: its kernel, or Xen. */
export interface HostProcessors {
  /** Those that are online, by number. */
  topology(signal: AbortSignal): Promise<HostCpu[]>;
  /** FAILED_PRECONDITION where processors have no frequency governor, INVALID_ARGUMENT for one they lack. */
  setGovernor(governor: string, signal: AbortSignal): Promise<void>;
  /**
   * Has the scheduler fill whole cores before it wakes others. FAILED_PRECONDITION where no scheduler can be told
   * to.
   */
  packThreads(signal: AbortSignal): Promise<void>;
}

/** On a host whose kernel schedules the zones. */
export const kernelProcessors: HostProcessors = {
  topology: () => readCpuTopology(),
  setGovernor: (governor) => setGovernor(governor),
  async packThreads() {
    const text = "smt_awareness is a setting of Xen's scheduler, which this host does not run; leave it out";
    throw new ConnectError(text, Code.FailedPrecondition);
  },
};
