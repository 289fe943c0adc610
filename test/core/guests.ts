import { z } from 'zod';
import type { CommandResult, CoreHost } from './core-host.ts';

/** Memory that is enough for a dozen small workloads, so that several zones fit into a small host. */
const memoryMib = '192';

/** As `protect zone list -o json` prints it; what is zero or empty is left out there. */
const zonesSchema = z.array(
  z.object({
    id: z.string(),
    spec: z.object({ name: z.string().default('') }),
    status: z.object({
      state: z.string(),
      domid: z.number().default(0),
      errorStatus: z.object({ message: z.string() }).optional(),
      exitStatus: z.object({ code: z.number().default(0) }).optional(),
      networkStatus: z
        .object({ interfaces: z.array(z.object({ ips: z.array(z.object({ address: z.string() })) })) })
        .optional(),
    }),
  }),
);

const workloadsSchema = z.array(
  z.object({
    id: z.string(),
    spec: z.object({ name: z.string().default('') }),
    status: z.object({ state: z.string() }),
  }),
);

export type ListedZone = z.infer<typeof zonesSchema>[number];
export type ListedWorkload = z.infer<typeof workloadsSchema>[number];

/** Everything that a command said, as the message of an assertion about it. */
export function said({ command, exitCode, stdout, stderr }: CommandResult): string {
  return `${command} ended with ${exitCode}\nstdout: ${stdout}\nstderr: ${stderr}`;
}

/** Runs a `protect` command that must succeed; gives its standard output. */
export async function output(host: CoreHost, args: readonly string[]): Promise<string> {
  const result = await host.protect(args);
  if (result.exitCode !== 0) throw new Error(said(result));
  return result.stdout;
}

/** Launches a small zone and waits until it is ready; gives its id. */
export async function launchZone(host: CoreHost, name: string, ...flags: readonly string[]): Promise<string> {
  return (await output(host, [...zoneLaunch(name), ...flags])).trim();
}

/** Words that launch a small zone. */
export function zoneLaunch(name: string): string[] {
  const memory = ['--max-memory', memoryMib, '--target-memory', memoryMib];
  return ['zone', 'launch', '--wait', '--name', name, ...memory];
}

/** Launches a workload of the busybox image and waits until it runs; gives its id. */
export async function launchWorkload(
  host: CoreHost,
  zone: string,
  name: string,
  command: readonly string[],
): Promise<string> {
  const launch = ['workload', 'launch', '--wait', '--zone', zone, '--name', name];
  return (await output(host, [...launch, host.image, ...command])).trim();
}

/** Runs a workload of the busybox image to its end, attached to it. */
export async function runWorkload(
  host: CoreHost,
  zone: string,
  command: readonly string[],
): Promise<CommandResult> {
  return host.protect(['workload', 'launch', '--attach', '--zone', zone, host.image, ...command]);
}

export async function listZones(host: CoreHost): Promise<ListedZone[]> {
  return zonesSchema.parse(JSON.parse(await output(host, ['zone', 'list', '-o', 'json'])));
}

export async function listWorkloads(host: CoreHost): Promise<ListedWorkload[]> {
  return workloadsSchema.parse(JSON.parse(await output(host, ['workload', 'list', '-o', 'json'])));
}

/** The zone as it is listed now. */
export async function listedZone(host: CoreHost, zoneId: string): Promise<ListedZone> {
  const zone = (await listZones(host)).find(({ id }) => id === zoneId);
  if (!zone) throw new Error(`zone ${zoneId} is not listed`);
  return zone;
}

/** The zone once it has ended, in whatever way. */
export async function endedZone(host: CoreHost, zoneId: string): Promise<ListedZone> {
  const until = performance.now() + host.patienceMs;
  for (;;) {
    const zone = await listedZone(host, zoneId);
    if (['ZONE_STATE_EXITED', 'ZONE_STATE_FAILED'].includes(zone.status.state)) return zone;
    if (performance.now() > until) {
      throw new Error(`zone ${zoneId} is still ${zone.status.state} after ${host.patienceMs / 1000} s`);
    }
  }
}

/** The zone's addresses, without their prefix lengths. */
export function addressesOf(zone: ListedZone): string[] {
  const interfaces = zone.status.networkStatus?.interfaces ?? [];
  return interfaces.flatMap(({ ips }) => ips.map(({ address }) => address.replace(/\/.*/, '')));
}

export async function destroyZone(host: CoreHost, zone: string): Promise<void> {
  await output(host, ['zone', 'destroy', '--wait', zone]);
}

/** Destroys all zones, and with them all workloads. */
export async function destroyAllZones(host: CoreHost): Promise<void> {
  for (const { id } of await listZones(host)) await destroyZone(host, id);
}
