import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { zoneMetricTree } from './metric-nodes.ts';

export function readZoneMetrics({
  zoneMetrics,
}: Pick<ControlDeps, 'zoneMetrics'>): ControlMethods['readZoneMetrics'] {
  return async ({ zoneId }, { signal }) => ({
    root: zoneMetricTree(await zoneMetrics.read(decodeZoneId(zoneId), { processes: true }, signal)),
  });
}
