import { Code, ConnectError } from '@connectrpc/connect';
import { type Workload, WorkloadState } from '@protect/proto/control-common';
import type { Cli } from './cli.ts';
import { CommandError } from './command-error.ts';
import { watchUntil } from './watch-until.ts';

/** Waits until the workload runs or has run; fails with its own error when it cannot. */
export async function waitUntilStarted(cli: Cli, workloadId: string): Promise<Workload> {
  return waitFor(cli, workloadId, (workload) => {
    const state = alive(workloadId, workload).status?.state;
    return state === WorkloadState.RUNNING || state === WorkloadState.COMPLETED ? workload : undefined;
  });
}

/** Waits until the workload has ended, and gives its exit code. */
export async function waitForExit(cli: Cli, workloadId: string): Promise<number> {
  return waitFor(cli, workloadId, (workload) => {
    const { status } = alive(workloadId, workload);
    return status?.state === WorkloadState.COMPLETED ? (status.exitStatus?.code ?? 0) : undefined;
  });
}

/** Waits until nothing is left of the workload. */
export async function waitUntilGone(cli: Cli, workloadId: string): Promise<void> {
  await waitFor(cli, workloadId, (workload) =>
    workload === undefined || workload.status?.state === WorkloadState.DESTROYED ? true : undefined,
  );
}

function alive(workloadId: string, workload: Workload | undefined): Workload {
  const state = workload?.status?.state;
  if (state === WorkloadState.FAILED) {
    const why = workload?.status?.errorStatus?.message || 'no reason is known; see protect workload logs';
    throw new CommandError(`workload ${workloadId} failed: ${why}`);
  }
  if (workload === undefined || state === WorkloadState.DESTROYING || state === WorkloadState.DESTROYED) {
    throw new CommandError(`workload ${workloadId} was destroyed`);
  }
  return workload;
}

async function waitFor<T>(
  cli: Cli,
  workloadId: string,
  decide: (workload: Workload | undefined) => T | undefined,
): Promise<T> {
  return watchUntil(
    cli,
    (event) => event.case === 'workloadChanged' && event.value.workload?.id === workloadId,
    async () => decide(await getWorkload(cli, workloadId)),
  );
}

async function getWorkload(cli: Cli, workloadId: string): Promise<Workload | undefined> {
  try {
    return (await cli.control.getWorkload({ workloadId })).workload;
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) return undefined;
    throw error;
  }
}
