import { Code, ConnectError } from '@connectrpc/connect';
import { WorkloadState, type Zone, ZoneState } from '@protect/proto/control-common';
import { listWorkloads, listZones } from '../system/guests.ts';
import { checkOutput, readOutput } from './output.ts';
import { type ZoneSlot, zoneOf } from './plan.ts';
import { Violation } from './step-progress.ts';
import { hangMs, type World } from './world.ts';

/** The zone once it is in one of these states. */
export async function zoneWhen(world: World, id: string, states: readonly ZoneState[]): Promise<Zone> {
  return world.signs.until(`zone ${id} in state ${states.join(' or ')}`, hangMs, async () => {
    const zone = (await listZones(world.stack.client)).find((listed) => listed.id === id);
    return zone && states.includes(zone.status?.state ?? ZoneState.UNKNOWN) ? zone : undefined;
  });
}

/** Destroys a zone with all in it and waits until nobody lists it any more. */
export async function takeZoneAway(world: World, slot: ZoneSlot): Promise<void> {
  const { client } = world.stack;
  const id = world.zones.get(slot)?.id ?? '';
  await client.destroyZone({ zoneId: id }).catch((error: unknown) => {
    // An earlier attempt got this far.
    if (ConnectError.from(error).code !== Code.NotFound) throw error;
  });
  await world.signs.until(`zone ${id} gone`, hangMs, async () =>
    (await listZones(client)).some((zone) => zone.id === id) ? undefined : true,
  );
  world.ended.add(id);
  world.zones.delete(slot);
  for (const [workload, known] of world.workloads) {
    if (zoneOf(workload) !== slot) continue;
    world.ended.add(known.id);
    world.workloads.delete(workload);
  }
}

/** What must be so once the machine of a zone was ended from outside; takes the zone away then. */
export async function checkEndedZone(world: World, slot: ZoneSlot): Promise<void> {
  const { client } = world.stack;
  const id = world.zones.get(slot)?.id ?? '';
  const zone = await zoneWhen(world, id, [ZoneState.FAILED]);
  if (!zone.status?.errorStatus?.message) throw new Violation(`zone ${id} failed without a reason`);
  for (const [workload, known] of world.workloads) {
    if (zoneOf(workload) !== slot) continue;
    const { COMPLETED, FAILED } = WorkloadState;
    await world.signs.until(`workload ${known.id} ended with its zone`, hangMs, async () => {
      const found = (await listWorkloads(client)).find((listed) => listed.id === known.id);
      const state = found?.status?.state;
      return state === FAILED || state === COMPLETED ? true : undefined;
    });
    checkOutput(known, await readOutput(client, known.id, { follow: true }), false);
  }
  await takeZoneAway(world, slot);
}
