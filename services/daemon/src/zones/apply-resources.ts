import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneResources } from '../state/zone-record.ts';
import type { ReadyZone } from '../workloads/deps.ts';

/** How long the zone's kernel may take to bring CPUs on or offline. */
const cpusDeadlineMs = 30_000;

/** What of a zone may be another than before. */
export type Resized = Pick<ZoneResources, 'targetMemoryMib' | 'targetCpus'>;

/**
 * Gives a zone what it shall have, of what is not so `before`; undefined when nobody knows. DEADLINE_EXCEEDED when the zone does not
 * follow in time, FAILED_PRECONDITION when it was made without the means for it.
 */
export async function applyResources(
  zone: ReadyZone,
  before: Resized | undefined,
  { targetMemoryMib, targetCpus }: Resized,
  signal: AbortSignal,
): Promise<void> {
  if (before?.targetMemoryMib !== targetMemoryMib) await zone.domain.setMemory(targetMemoryMib, signal);
  if (before?.targetCpus !== targetCpus) await applyCpus(zone, targetCpus, signal);
}

async function applyCpus(zone: ReadyZone, cpus: number, signal: AbortSignal): Promise<void> {
  const plugged = await zone.domain.setCpus(cpus, signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  // A CPU that the machine keeps is offline in the zone at least; one that it lacks never comes.
  if (plugged !== undefined && ConnectError.from(plugged).code !== Code.FailedPrecondition) throw plugged;
  const connection = await zone.connection(signal);
  const request = { case: 'setCpus', value: { online: cpus } } as const;
  await connection.request(request, { deadlineMs: cpusDeadlineMs, signal }).catch((error: unknown) => {
    if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
    const text = `zone ${zone.record.id} runs an init that cannot change its CPUs; launch it anew`;
    throw new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
  });
}
