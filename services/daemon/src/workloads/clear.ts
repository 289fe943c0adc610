import { Code, ConnectError } from '@connectrpc/connect';
import { patientCall } from '../peers/patient-call.ts';
import type { WorkloadRecord } from '../state/workload-record.ts';
import { type WorkloadDeps, workloadDiskSerial } from './deps.ts';

const forgetDeadlineMs = 30_000;

/**
 * Takes a workload out of its zone and its disk off the machine: the one way for failed creations,
 * DestroyWorkload and interrupted work alike. What is gone already is no error. Output stays.
 */
export async function clearWorkload(
  deps: WorkloadDeps,
  record: WorkloadRecord,
  signal: AbortSignal,
): Promise<void> {
  const { zoneId } = record.spec;
  const serial = workloadDiskSerial(record.id);
  const zone = deps.zones.running(zoneId);
  if (zone !== undefined) {
    const connection = await zone.connection(signal);
    const request = { case: 'destroyWorkload', value: { workloadId: record.id } } as const;
    await connection.request(request, { deadlineMs: forgetDeadlineMs, signal }).catch(ignoreNotFound);
    await zone.domain.detachDisk(serial, signal);
  }
  const zoneRecord = deps.state.zones.get(zoneId);
  // Without a machine the whole zone is released at once.
  if (zoneRecord === undefined || !zoneRecord.held) return;
  const { generation } = zoneRecord;
  await patientCall(
    'protect-storage',
    (call) => deps.storage.withdrawDisk({ zoneId, generation: BigInt(generation), serial }, { signal: call }),
    signal,
  ).catch(ignoreNotFound);
}

function ignoreNotFound(error: unknown): void {
  if (ConnectError.from(error).code !== Code.NotFound) throw error;
}
