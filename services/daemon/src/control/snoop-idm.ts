import type { ControlDeps, ControlMethods } from './deps.ts';

/** Messages between zones and daemon from now on, without secrets; a slow reader is told how many it missed. */
export function snoopIdm({
  snoop,
  hostUuid,
}: Pick<ControlDeps, 'snoop' | 'hostUuid'>): ControlMethods['snoopIdm'] {
  return async function* (_request, { signal }) {
    for await (const { packets, skipped } of snoop.subscribe(signal)) {
      yield {
        packets: packets.map(({ zoneId, direction, packet }) =>
          direction === 'from-zone'
            ? { from: zoneId, to: hostUuid, packet }
            : { from: hostUuid, to: zoneId, packet },
        ),
        skipped: BigInt(skipped),
      };
    }
  };
}
