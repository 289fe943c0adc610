import type { Client } from '@connectrpc/connect';
import type { MetricNode } from '@protect/proto/control-common';
import type { DaemonService } from '@protect/proto/daemon';
import type { KnownZone } from './zone-table.ts';

/** Zones that are asked at the same time. */
const parallel = 16;

/** How long one zone may take, ms; longer than the daemon lets it. */
const zoneMs = 6_000;

/** How long all zones together may take, ms; Prometheus waits ten seconds for a scrape. */
const scrapeMs = 8_000;

/** A zone with its metrics, or without when it did not tell them in time. */
export interface ZoneReading {
  readonly zone: KnownZone;
  readonly root: MetricNode | undefined;
}

export interface ZoneReadingsOptions {
  readonly daemon: Pick<Client<typeof DaemonService>, 'readZoneUsage'>;
  readonly zones: () => readonly KnownZone[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads the metrics of all zones that run; who asks meanwhile gets the same reading. Those that were silent the last
 * time are asked last, so that they hold up no other.
 */
export function createZoneReadings(options: ZoneReadingsOptions): () => Promise<readonly ZoneReading[]> {
  const { daemon, zones, signal } = options;
  let silent = new Set<string>();
  let current: Promise<readonly ZoneReading[]> | undefined;

  async function readAll(): Promise<readonly ZoneReading[]> {
    const known = zones() ?? [];
    const roots = new Map<string, MetricNode>();
    const running = known.filter(({ state }) => state === 'ready' || state === 'created');
    const waiting = running.toSorted((a, b) => Number(silent.has(a.id)) - Number(silent.has(b.id)));
    const limit = AbortSignal.any([signal, AbortSignal.timeout(scrapeMs)]);
    const worker = async () => {
      for (let zone = waiting.shift(); zone !== undefined && !limit.aborted; zone = waiting.shift()) {
        // Whatever keeps it from telling, the next reading asks it again.
        const request = { zoneId: zone.id };
        const reply = await daemon
          .readZoneUsage(request, { timeoutMs: zoneMs, signal: limit })
          .catch(() => undefined);
        if (reply?.root !== undefined) roots.set(zone.id, reply.root);
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    silent = new Set(running.filter(({ id }) => !roots.has(id)).map(({ id }) => id));
    return known.map((zone) => ({ zone, root: roots.get(zone.id) }));
  }

  return () => {
    current ??= readAll().finally(() => {
      current = undefined;
    });
    return current;
  };
}
