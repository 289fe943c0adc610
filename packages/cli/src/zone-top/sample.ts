import { Code, ConnectError } from '@connectrpc/connect';
import type { GetHostStatusReply } from '@protect/proto/control';
import { type MetricNode, type Zone, ZoneState } from '@protect/proto/control-common';
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

/** What a zone tells of itself. */
export interface ZoneUse {
  readonly memory: MemoryUse;
  /** Percent of one processor, so that four busy ones are 400; undefined when it is not told. */
  readonly busyPercent: number | undefined;
}

export interface ZoneSample {
  readonly zone: Zone;
  /** Undefined while the zone tells nothing. */
  readonly use: ZoneUse | undefined;
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

  async function useOf(zone: Zone, signal: AbortSignal): Promise<ZoneUse | undefined> {
    if (withoutMetrics !== undefined || zone.status?.state !== ZoneState.READY) return undefined;
    try {
      const { root } = await control.readZoneMetrics(
        { zoneId: zone.id },
        { timeoutMs: metricsTimeoutMs, signal },
      );
      const system = root && metricAt(root, ['system']);
      return system && readUse(system);
    } catch (error) {
      // One that cannot tell now is shown without; the next round asks it again.
      const { code, rawMessage } = ConnectError.from(error);
      if (code === Code.Unimplemented) withoutMetrics = rawMessage || 'the daemon offers no metrics';
      return undefined;
    }
  }

  return async (signal) => {
    const [host, zones] = await Promise.all([control.getHostStatus({}, { signal }), allZones(control)]);
    const samples: ZoneSample[] = zones.map((zone) => ({ zone, use: undefined }));
    const waiting = [...zones.entries()];
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, zone] = next;
        samples[index] = { zone, use: await useOf(zone, signal) };
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    return { host, zones: samples, withoutMetrics };
  };
}

/** Takes what is shown from the part of the tree that the zone tells. */
export function readUse(system: MetricNode): ZoneUse {
  const memory = (name: string) => metricNumber(metricAt(system, ['memory', name]));
  const busy = (metricAt(system, ['cpu'])?.children ?? []).flatMap((cpu) => {
    const usage = metricNumber(metricAt(cpu, ['usage']));
    return usage === undefined ? [] : [usage];
  });
  return {
    memory: { total: memory('total'), used: memory('used'), free: memory('free') },
    busyPercent: busy.length === 0 ? undefined : busy.reduce((sum, one) => sum + one, 0),
  };
}
