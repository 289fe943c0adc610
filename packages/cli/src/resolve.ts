import type { Zone } from '@protect/proto/control-common';
import type { ControlClient } from './cli.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The zone that a name or UUID means: of several with one name the newest that is active. */
export async function resolveZone(control: ControlClient, nameOrId: string): Promise<string> {
  if (uuid.test(nameOrId)) return nameOrId.toLowerCase();
  return (await control.resolveZoneId({ name: nameOrId })).zoneId;
}

/** The workload that a name or UUID means: of several with one name the newest that is active. */
export async function resolveWorkload(control: ControlClient, nameOrId: string): Promise<string> {
  if (uuid.test(nameOrId)) return nameOrId.toLowerCase();
  return (await control.resolveWorkloadId({ name: nameOrId })).workloadId;
}

/** All zones, in the daemon's order. */
export async function allZones(control: ControlClient): Promise<Zone[]> {
  const zones: Zone[] = [];
  for await (const page of control.listZones({})) zones.push(...page.zones);
  return zones;
}
