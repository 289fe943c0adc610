import type { Domain } from '../hypervisor/hypervisor.ts';
import { patientCall } from '../peers/patient-call.ts';
import type { ZoneRecord } from '../state/zone-record.ts';
import type { ZoneDeps } from './deps.ts';

/** How long teardown waits for a service that is away; it frees the zone itself when it comes back. */
const releasePatienceMs = 3_000;

/**
 * Frees everything of a zone but its logs: the one clean-up, for failed launches, ended machines,
 * DestroyZone and what a crash left. Each step takes what is gone already as done.
 */
export async function teardownZone(
  deps: Pick<ZoneDeps, 'hypervisor' | 'storage' | 'network' | 'logger'>,
  record: Pick<ZoneRecord, 'id'>,
  domain: Domain | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { id } = record;
  // 1. The machine: nothing else may go while it uses it.
  const machine = domain ?? (await deps.hypervisor.adopt(id, signal));
  await machine?.destroy(signal);
  // 2. Disks and link.
  await Promise.all([
    release('protect-storage', () => deps.storage.releaseZone({ zoneId: id }, { signal })),
    release('protect-network', () => deps.network.releaseZone({ zoneId: id }, { signal })),
  ]);

  async function release(
    service: 'protect-storage' | 'protect-network',
    call: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await patientCall(service, call, signal, releasePatienceMs);
    } catch (error) {
      if (signal.aborted) throw error;
      deps.logger.warn({ err: error, zone: id }, `${service} frees the zone when it is back`);
    }
  }
}
