import { Code, ConnectError } from '@connectrpc/connect';
import { waitFor } from '../state/wait-for.ts';
import type { WorkloadRecord } from '../state/workload-record.ts';
import type { WorkloadDeps } from './deps.ts';

const sigterm = 15;
const sigkill = 9;

/** Longest wait for the end of a workload after SIGKILL. */
const killMs = 30_000;

/**
 * Asks a running workload to end, and makes it end after `timeoutMs`. Settles once it has ended; one
 * that does not run is left as it is.
 */
export async function stopWorkload(
  deps: WorkloadDeps,
  record: WorkloadRecord,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { id } = record;
  if (record.status.state !== 'running') return;
  const zone = await deps.zones.whenReady(record.spec.zoneId, signal);
  const connection = await zone.connection(signal);
  const ended = async (ms: number): Promise<boolean> => {
    const limit = AbortSignal.timeout(ms);
    const look = () => (deps.state.workloads.get(id)?.status.state === 'running' ? undefined : true);
    try {
      return await waitFor(deps.state, look, AbortSignal.any([signal, limit]));
    } catch (error) {
      if (limit.aborted && !signal.aborted) return false;
      throw error;
    }
  };
  const send = async (number: number, all: boolean) => {
    const request = { case: 'signalWorkload', value: { workloadId: id, signal: number, all } } as const;
    await connection.request(request, { signal }).catch((error: unknown) => {
      // It ended by itself meanwhile; its exit is on the way.
      const { code } = ConnectError.from(error);
      if (code !== Code.FailedPrecondition && code !== Code.NotFound) throw error;
    });
  };
  await send(sigterm, false);
  if (await ended(timeoutMs)) return;
  await send(sigkill, true);
  if (await ended(killMs)) return;
  throw new ConnectError(
    `workload ${id} did not end within ${killMs / 1000} s of SIGKILL`,
    Code.DeadlineExceeded,
  );
}
