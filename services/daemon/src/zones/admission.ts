import { readFile } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { currentResources, type ZoneRecord, type ZoneSpec } from '../state/zone-record.ts';
import { isLive } from './state.ts';

/** Memory of the host as /proc/meminfo shows it, MiB. */
export interface HostMemory {
  readonly totalMib: number;
  readonly availableMib: number;
}

/** Users that are set aside for the hypervisors of zones. */
const zoneUsers = 4096;

export async function readHostMemory(path = '/proc/meminfo'): Promise<HostMemory> {
  const text = await readFile(path, 'utf8');
  const field = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
    if (match?.[1] === undefined) throw new Error(`${path} has no ${name}`);
    return Math.floor(Number(match[1]) / 1024);
  };
  return { totalMib: field('MemTotal'), availableMib: field('MemAvailable') };
}

/**
 * RESOURCE_EXHAUSTED when the host has no room for one more zone of this size. A zone that is still
 * being made has not taken its memory yet, so it counts in full against what is available now.
 */
export function admit(
  spec: ZoneSpec,
  zones: readonly ZoneRecord[],
  memory: HostMemory,
  maxZones: number = zoneUsers,
): void {
  if (zones.length >= maxZones) {
    const remedy = 'destroy some, or raise zones of [runtime.limits] in daemon.toml';
    const text = `this host has ${zones.length} zones, and ${maxZones} are the most; ${remedy}`;
    throw new ConnectError(text, Code.ResourceExhausted);
  }
  const wanted = spec.resources.targetMemoryMib;
  if (wanted > freeMemoryMib(zones, memory)) {
    throw shortOfMemory(`the zone wants ${wanted} MiB of memory`, zones, memory);
  }
}

/** RESOURCE_EXHAUSTED when the host has no room for `id`, one of `zones`, to grow to this much memory. */
export function admitGrowth(
  id: ZoneId,
  targetMemoryMib: number,
  zones: readonly ZoneRecord[],
  memory: HostMemory,
): void {
  const zone = zones.find((one) => one.id === id);
  const more = targetMemoryMib - (zone === undefined ? 0 : currentResources(zone).targetMemoryMib);
  if (more <= 0 || more <= freeMemoryMib(zones, memory)) return;
  throw shortOfMemory(`zone ${id} wants ${more} MiB of memory more`, zones, memory);
}

/** Memory that can be promised to zones beyond what they have. */
export function freeMemoryMib(zones: readonly ZoneRecord[], memory: HostMemory): number {
  const promised = sumTarget(
    zones.filter(({ status: { state } }) => state === 'creating' || state === 'created'),
  );
  return Math.max(0, Math.min(memory.availableMib - promised, memory.totalMib - sumTarget(live(zones))));
}

function shortOfMemory(who: string, zones: readonly ZoneRecord[], memory: HostMemory): ConnectError {
  const having = live(zones);
  const text =
    `${who}, the host has ${freeMemoryMib(zones, memory)} MiB left ` +
    `(${memory.totalMib} MiB in all, ${sumTarget(having)} MiB for ${having.length} zones); ` +
    'destroy a zone or ask for less';
  return new ConnectError(text, Code.ResourceExhausted);
}

function live(zones: readonly ZoneRecord[]): ZoneRecord[] {
  return zones.filter(({ status }) => isLive(status.state));
}

function sumTarget(zones: readonly ZoneRecord[]): number {
  return zones.reduce((sum, zone) => sum + currentResources(zone).targetMemoryMib, 0);
}

/** The smallest number that no zone has. */
export function freeSlot(zones: readonly Pick<ZoneRecord, 'slot'>[]): number {
  const taken = new Set(zones.map((zone) => zone.slot));
  let slot = 0;
  while (taken.has(slot)) slot += 1;
  return slot;
}
