import { parseReservationId, parseZoneId, type ReservationId, type ZoneId } from '@protect/config/ids';
import * as z from 'zod';
import { imageSpec } from './image-spec.ts';

const zoneId = z.string().transform((text, context): ZoneId => {
  const id = parseZoneId(text);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: `not a zone id: ${text}` });
  return z.NEVER;
});

const reservationId = z.string().transform((text, context): ReservationId => {
  const id = parseReservationId(text);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: `not a reservation id: ${text}` });
  return z.NEVER;
});

const keyValue = z.object({ key: z.string(), value: z.string() });

/** How much a zone has, in MiB and CPUs, and between what bounds. */
export const zoneResources = z.object({
  maxMemoryMib: z.number().int(),
  minMemoryMib: z.number().int(),
  targetMemoryMib: z.number().int(),
  maxCpus: z.number().int(),
  minCpus: z.number().int(),
  targetCpus: z.number().int(),
  /** `dynamic`: the target of memory follows its use. */
  policy: z.enum(['unknown', 'static', 'dynamic']),
});

export type ZoneResources = z.infer<typeof zoneResources>;

/** What the caller asked for, with every default filled in. Memory in MiB. */
export const zoneSpec = z.object({
  name: z.string(),
  kernel: imageSpec.optional(),
  initrd: imageSpec.optional(),
  kernelOptions: z.object({
    verbose: z.boolean(),
    cmdline: z.array(z.string()),
    cmdlineAppend: z.string(),
    modules: z.array(z.string()),
    moduleParameters: z.array(z.object({ module: z.string(), parameter: z.string() })),
    sysctls: z.array(keyValue),
  }),
  resources: zoneResources,
  annotations: z.array(keyValue),
  /** Images that the zone mounts besides its kernel's; records of earlier releases have none. */
  addons: z.array(imageSpec).default([]),
  /** Names of PCI devices of daemon.toml; records of earlier releases have none. */
  devices: z.array(z.string()).default([]),
  network: z.object({
    backend: z.enum(['default', 'none', 'external']),
    dns: z
      .object({
        nameservers: z.array(z.string()),
        searches: z.array(z.string()),
        options: z.array(z.string()),
      })
      .optional(),
    /** The reservation whose addresses it has; absent for addresses of its own. */
    assumeReservation: reservationId.optional(),
    /** Its addresses stay reserved when it is gone; records of earlier releases do not say. */
    retainReservation: z.boolean().default(false),
  }),
  virtualization: z.enum(['unknown', 'pv', 'pvh', 'automatic']),
  scratch: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('memory') }),
    z.object({ kind: z.literal('image'), sizeMib: z.number().int() }),
    z.object({ kind: z.literal('block'), device: z.string() }),
  ]),
});

export type ZoneSpec = z.infer<typeof zoneSpec>;

/** Where a zone is in its life, with what belongs to that point alone. */
export const zoneStatus = z.discriminatedUnion('state', [
  z.object({ state: z.literal('creating') }),
  z.object({ state: z.literal('created') }),
  z.object({ state: z.literal('ready') }),
  z.object({ state: z.literal('exited'), exitCode: z.number().int() }),
  z.object({
    state: z.literal('failed'),
    message: z.string(),
    /** The end of what its kernel printed, chosen by the zone; leaves the host in no event. */
    lastWords: z.array(z.string()).optional(),
  }),
  z.object({ state: z.literal('destroying') }),
  z.object({ state: z.literal('destroyed') }),
]);

export type ZoneStatus = z.infer<typeof zoneStatus>;
export type ZoneState = ZoneStatus['state'];

/** A zone's link as protect-network made it; addresses with prefix length. */
export const zoneLink = z.object({
  hostInterface: z.string(),
  netnsPath: z.string().optional(),
  zoneMac: z.string(),
  gatewayMac: z.string(),
  ipv4: z.string(),
  ipv6: z.string(),
  gatewayIpv4: z.string(),
  gatewayIpv6: z.string(),
  mtu: z.number().int(),
  nameservers: z.array(z.string()),
});

export type ZoneLink = z.infer<typeof zoneLink>;

/** What a caller of ConfigureZoneNetwork gave the zone; addresses with prefix length, gateways without. */
export const zoneNetwork = z.object({
  interfaces: z.array(
    z.object({
      name: z.string(),
      /** Empty for the loopback. */
      mac: z.string(),
      addresses: z.array(z.object({ address: z.string(), gateway: z.string() })),
      /** 0 leaves it. */
      mtu: z.number().int(),
    }),
  ),
  routes: z.array(
    z.object({
      destination: z.string(),
      /** Empty for a route on the link itself. */
      gateway: z.string(),
      interface: z.string(),
      /** Preferred source address; may be empty. */
      source: z.string(),
    }),
  ),
  neighbors: z.array(z.object({ address: z.string(), mac: z.string(), interface: z.string() })),
});

export type ZoneNetwork = z.infer<typeof zoneNetwork>;

export const zoneDisk = z.object({
  purpose: z.enum(['addons', 'scratch']),
  serial: z.string(),
  path: z.string(),
  origin: z.string(),
  readOnly: z.boolean(),
});

export type ZoneDisk = z.infer<typeof zoneDisk>;

/** What the machine of a zone was started with. */
export const zonePlacement = z.object({
  domid: z.number().int(),
  link: zoneLink.optional(),
  disks: z.array(zoneDisk),
});

export type ZonePlacement = z.infer<typeof zonePlacement>;

/** All that the daemon keeps about one zone. */
export const zoneRecord = z.object({
  version: z.literal(1),
  id: zoneId,
  spec: zoneSpec,
  status: zoneStatus,
  /** What the daemon works towards. */
  desired: z.enum(['ready', 'gone']),
  createdAtMs: z.number(),
  readyAtMs: z.number().optional(),
  /** Unique among the zones of this host; gives the hypervisor process its user. */
  slot: z.number().int(),
  /** Counts the changes of this record; records of earlier releases have none. */
  revision: z.number().int().default(0),
  /** Counts the attempts to make this zone, from 1. */
  generation: z.number().int(),
  /** True while anything of the zone but its logs may exist on the host. */
  held: z.boolean(),
  placement: zonePlacement.optional(),
  /** What it has since that is no longer what it was launched with. */
  resources: zoneResources.optional(),
  /** Set once a zone whose network is external has been given one. */
  network: zoneNetwork.optional(),
});

export type ZoneRecord = z.infer<typeof zoneRecord>;

/** What a zone has now, or shall have as soon as it follows. */
export function currentResources({ resources, spec }: Pick<ZoneRecord, 'resources' | 'spec'>): ZoneResources {
  return resources ?? spec.resources;
}

const firstUid = 200_000;

/** User and group of the hypervisor process of a zone. */
export function zoneUid(record: ZoneRecord): number {
  return firstUid + record.slot;
}
