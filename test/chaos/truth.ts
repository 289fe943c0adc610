import { parseZoneId, shortId } from '@protect/config/ids';
import { type Workload, WorkloadState, type Zone, ZoneState } from '@protect/proto/control-common';
import { runCommand } from '../../scripts/stack/run-command.ts';
import { listWorkloads, listZones } from '../system/guests.ts';
import { type Machine, machinesOf } from './machines.ts';
import { checkOutput, readOutput } from './output.ts';
import type { World } from './world.ts';

/** Ids of zones and workloads that an operation of the step is about. */
export type Busy = ReadonlySet<string>;

/** How far each output was when the fault was over: it must go on. */
export type LinesBefore = ReadonlyMap<string, number>;

/**
 * Everything in which the daemon's word, what was acknowledged and the host differ; empty when all is true. Objects
 * in `busy`, and those that nobody was told of yet, may be on their way. Throws a Violation for damaged output.
 */
export async function untruths(world: World, busy: Busy, before: LinesBefore): Promise<string[]> {
  const { client, paths, netns } = world.stack;
  const zones = await listZones(client);
  const workloads = await listWorkloads(client);
  const machines = machinesOf(paths.zones);
  const links = await zoneLinks(netns);
  return [
    ...unpromised(world, zones, workloads, busy),
    ...zones.flatMap((zone) => zoneUntruths(zone, machines, links)),
    ...machines
      .filter(({ zoneId }) => !zones.some(({ id }) => id === zoneId))
      .map(({ zoneId }) => `a machine runs for zone ${zoneId}, which nobody lists`),
    ...workloads.flatMap((workload) => workloadUntruths(workload, zones)),
    ...(await stoppedOutputs(world, busy, before)),
  ];
}

/** The names of the links of zones in the namespace. */
export async function zoneLinks(netns: string): Promise<string[]> {
  const listed = await runCommand('ip', ['-n', netns, '-br', 'link']);
  return [...listed.matchAll(/^(pz[0-9a-f]+)/gm)].map(([name]) => name);
}

/** What was acknowledged and is not so. */
function unpromised(
  world: World,
  zones: readonly Zone[],
  workloads: readonly Workload[],
  busy: Busy,
): string[] {
  const told: string[] = [];
  for (const { id, domid } of world.zones.values()) {
    if (busy.has(id)) continue;
    const status = zones.find((zone) => zone.id === id)?.status;
    if (status?.state !== ZoneState.READY) told.push(`zone ${id} was ready and is ${stateOf(status)}`);
    else if (status.domid !== domid) told.push(`zone ${id} had process ${domid} and has ${status.domid}`);
  }
  for (const { id } of world.workloads.values()) {
    if (busy.has(id)) continue;
    const status = workloads.find((workload) => workload.id === id)?.status;
    if (status?.state !== WorkloadState.RUNNING) told.push(`workload ${id} ran and is ${stateOf(status)}`);
  }
  for (const { id } of [...zones, ...workloads]) {
    if (world.ended.has(id)) told.push(`${id} was gone and is listed again`);
  }
  return told;
}

function stateOf(
  status: { state: number; errorStatus?: { message: string } | undefined } | undefined,
): string {
  return status === undefined
    ? 'not listed'
    : `in state ${status.state} ${status.errorStatus?.message ?? ''}`;
}

/** A zone that is ready has a machine and a link; one that has ended has none. */
function zoneUntruths(zone: Zone, machines: readonly Machine[], links: readonly string[]): string[] {
  const own = machines.filter(({ zoneId }) => zoneId === zone.id);
  const linked = links.includes(linkOf(zone.id));
  switch (zone.status?.state) {
    case ZoneState.READY:
      return [
        ...(own.length === 1 && own[0]?.process.pid === zone.status.domid
          ? []
          : [`zone ${zone.id} is ready with process ${zone.status.domid}, and has ${own.length} machines`]),
        ...(linked ? [] : [`zone ${zone.id} is ready and has no link`]),
      ];
    case ZoneState.FAILED:
    case ZoneState.EXITED:
      return [
        ...(own.length === 0 ? [] : [`zone ${zone.id} has ended, and its machine runs`]),
        ...(linked ? [`zone ${zone.id} has ended, and has a link`] : []),
      ];
    default:
      return own.length > 1 ? [`zone ${zone.id} has ${own.length} machines`] : [];
  }
}

export function linkOf(zoneId: string): string {
  const id = parseZoneId(zoneId);
  return id === undefined ? '' : `pz${shortId(id)}`;
}

function workloadUntruths({ id, spec, status }: Workload, zones: readonly Zone[]): string[] {
  const zone = zones.find((listed) => listed.id === spec?.zoneId);
  if (zone === undefined) return [`workload ${id} is listed without its zone`];
  const ended = zone.status?.state === ZoneState.FAILED || zone.status?.state === ZoneState.EXITED;
  return ended && status?.state === WorkloadState.RUNNING ? [`workload ${id} runs in an ended zone`] : [];
}

/** Every workload that runs prints on, and all that it printed is there. */
async function stoppedOutputs(world: World, busy: Busy, before: LinesBefore): Promise<string[]> {
  const stopped: string[] = [];
  for (const workload of world.workloads.values()) {
    if (busy.has(workload.id) || busy.has(workload.zoneId)) continue;
    const output = await readOutput(world.stack.client, workload.id, { follow: false });
    const lines = checkOutput(workload, output, false);
    if (lines <= (before.get(workload.id) ?? 0)) stopped.push(`workload ${workload.id} prints no more`);
  }
  return stopped;
}
