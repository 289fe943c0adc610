import { Code, ConnectError } from '@connectrpc/connect';
import type { GetHostStatusReply } from '@protect/proto/control';
import { type Zone, ZoneState } from '@protect/proto/control-common';
import type { ControlClient } from '../cli.ts';
import { metricAt, metricNumber } from '../metric-tree.ts';
import { allZones } from '../resolve.ts';

/** How long a zone may take to tell its metrics; a busy one is shown without. */
const metricsTimeoutMs = 2_000;

/** Zones asked for their metrics at once. */
const parallel = 8;

/** Bytes of memory that a zone's kernel tells of. */
export interface MemoryUse {
  readonly total: number | undefined;
  readonly used: number | undefined;
  readonly free: number | undefined;
}

export interface ZoneSample {
  readonly zone: Zone;
  /** Undefined while the zone tells none. */
  readonly memory: MemoryUse | undefined;
}

/** What is known of host and zones at one moment. */
export interface TopSample {
  readonly host: GetHostStatusReply;
  readonly zones: readonly ZoneSample[];
  /** Why there are no metrics, or undefined when there are. */
  readonly withoutMetrics: string | undefined;
}

/** Takes samples; once the daemon has said that it offers no metrics it is not asked for them again. */
export function createSampler(control: ControlClient): (signal: AbortSignal) => Promise<TopSample> {
  let withoutMetrics: string | undefined;

  async function memoryOf(zone: Zone, signal: AbortSignal): Promise<MemoryUse | undefined> {
    if (withoutMetrics !== undefined || zone.status?.state !== ZoneState.READY) return undefined;
    try {
      const { root } = await control.readZoneMetrics(
        { zoneId: zone.id },
        { timeoutMs: metricsTimeoutMs, signal },
      );
      const memory = root && metricAt(root, ['system', 'memory']);
      const number = (name: string) => memory && metricNumber(metricAt(memory, [name]));
      return { total: number('total'), used: number('used'), free: number('free') };
    } catch (error) {
      // One that cannot tell now is shown without; the next round asks it again.
      const { code, rawMessage } = ConnectError.from(error);
      if (code === Code.Unimplemented) withoutMetrics = rawMessage || 'the daemon offers no metrics';
      return undefined;
    }
  }

  return async (signal) => {
    const [host, zones] = await Promise.all([control.getHostStatus({}, { signal }), allZones(control)]);
    const samples: ZoneSample[] = zones.map((zone) => ({ zone, memory: undefined }));
    const waiting = [...zones.entries()];
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, zone] = next;
        samples[index] = { zone, memory: await memoryOf(zone, signal) };
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    return { host, zones: samples, withoutMetrics };
  };
}
