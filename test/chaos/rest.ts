import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseWorkloadId, parseZoneId } from '@protect/config/ids';
import { workloadDiskSerial } from '../../services/daemon/src/workloads/deps.ts';
import { listWorkloads, listZones } from '../system/guests.ts';
import { type HostSnapshot, snapshotHost } from '../system/host-snapshot.ts';
import { listImages } from './list-images.ts';
import { linkOf, zoneLinks } from './truth.ts';
import type { World } from './world.ts';

/** Serial of the disk with a kernel's modules, which every zone has. */
const addonsSerial = 'addons';

/**
 * What is on the host for zones and workloads beyond those that are listed, or is missing for these: to be asked
 * while no operation is under way. `empty` is the host before the first zone.
 */
export async function residues(world: World, empty: HostSnapshot): Promise<string[]> {
  const { client, paths, netns, state } = world.stack;
  const zones = (await listZones(client)).map(({ id }) => id);
  const workloads = await listWorkloads(client);
  // The images' folder is swept when it is first used after a restart.
  await listImages(client);
  const host = await snapshotHost(state, netns);
  const beyond = (kind: keyof HostSnapshot, expected: (item: string) => boolean) =>
    host[kind]
      .filter((item) => !empty[kind].includes(item) && !expected(item))
      .map((item) => `${kind}: ${item}`);
  const ofZone = (item: string) => zones.some((id) => item.includes(id));
  return [
    ...differences('links', await zoneLinks(netns), zones.map(linkOf)),
    ...differences('folders of zones', namesIn(paths.zones), zones),
    ...zones.flatMap((id) => {
      const zoneId = parseZoneId(id);
      if (zoneId === undefined) return [`an id of a zone is ${id}`];
      const own = workloads.filter(({ spec }) => spec?.zoneId === id).map((workload) => workload.id);
      const serials = own.flatMap((workload) => {
        const workloadId = parseWorkloadId(workload);
        return workloadId === undefined ? [] : [workloadDiskSerial(workloadId)];
      });
      return [
        ...differences(`disks of zone ${id}`, namesIn(paths.zoneDisks(zoneId)), [addonsSerial, ...serials]),
        ...differences(`workloads of zone ${id}`, namesIn(join(paths.zone(zoneId), 'workloads')), own),
      ];
    }),
    ...beyond('processes', ofZone),
    ...beyond('links', (item) => zones.some((id) => item.endsWith(linkOf(id)))),
    ...beyond('namespaces', () => false),
    ...beyond('mounts', () => false),
    ...beyond('loopDevices', () => false),
    ...beyond('cgroups', ofZone),
    ...beyond('files', ofZone),
    ...[paths.imageCache, paths.bootCache].flatMap((folder) =>
      namesIn(folder)
        .filter((name) => name.includes('staging') || name.includes('.new'))
        .map((name) => `unfinished in the cache: ${name}`),
    ),
  ];
}

function differences(what: string, found: readonly string[], wanted: readonly string[]): string[] {
  const missing = wanted.filter((item) => !found.includes(item));
  const surplus = found.filter((item) => !wanted.includes(item));
  return [
    ...missing.map((item) => `${what}: ${item} is missing`),
    ...surplus.map((item) => `${what}: ${item} is left`),
  ];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
