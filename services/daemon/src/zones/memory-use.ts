import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { ReadyZone } from '../workloads/deps.ts';
import type { MemoryUse } from './memory-policy.ts';

const mebibyte = 1024n * 1024n;

/** Reads what zones do with their memory. */
export interface MemoryReader {
  /**
   * What a zone that should have `memoryMib` does with it, whether it has come there or not; waits for that once for each
   * zone. DEADLINE_EXCEEDED when it does not come there.
   */
  read(zone: ReadyZone, memoryMib: number, signal: AbortSignal): Promise<MemoryUse>;
  forget(id: ZoneId): void;
}

/**
 * A zone's kernel does not count what it has taken at boot, which is the difference between what the machine has and what the
 * kernel tells: the same for ever, and seen only while the machine's memory does not move.
 */
export function createMemoryReader(): MemoryReader {
  const reserved = new Map<ZoneId, number>();
  return {
    async read(zone, memoryMib, signal) {
      const { id } = zone.record;
      if (!reserved.has(id)) await zone.domain.setMemory(memoryMib, signal);
      const { totalMib, availableMib } = await readMetrics(zone, signal);
      const reservedMib = reserved.get(id) ?? Math.max(0, memoryMib - totalMib);
      reserved.set(id, reservedMib);
      return { usedMib: totalMib - availableMib, reservedMib };
    },
    forget: (id) => void reserved.delete(id),
  };
}

async function readMetrics(zone: ReadyZone, signal: AbortSignal) {
  const connection = await zone.connection(signal);
  const { response } = await connection.request({ case: 'metrics', value: {} }, { signal });
  if (response.case !== 'metrics') throw new ConnectError('the zone sent no metrics', Code.Internal);
  const { memoryTotalBytes, memoryAvailableBytes } = response.value;
  return {
    totalMib: Number(memoryTotalBytes / mebibyte),
    availableMib: Number(memoryAvailableBytes / mebibyte),
  };
}
