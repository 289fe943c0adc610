import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  type ZoneSpec as WireZoneSpec,
  ZoneDiskStatusDiskPurpose,
  ZoneNetworkBackend,
  ZoneNetworkIpVersion,
  ZoneResourceAdjustmentPolicy,
  type ZoneResourcesSpec,
  type ZoneSchema,
  type ZoneScratchDiskSpec,
  ZoneState,
  ZoneVirtualizationBackend,
} from '@protect/proto/control-common';
import { invalidField } from '../invalid-argument.ts';
import {
  currentResources,
  type ZoneDisk,
  type ZoneLink,
  type ZoneRecord,
  type ZoneResources,
  type ZoneSpec,
} from '../state/zone-record.ts';
import { decodeReservationId } from './decode-id.ts';
import { toDomainImage, toWireImage } from './image-wire.ts';
import { toWireZoneNetwork } from './network-config-wire.ts';

const policies = [
  ['unknown', ZoneResourceAdjustmentPolicy.UNKNOWN],
  ['static', ZoneResourceAdjustmentPolicy.STATIC],
  ['dynamic', ZoneResourceAdjustmentPolicy.DYNAMIC],
] as const;

const virtualizations = [
  ['unknown', ZoneVirtualizationBackend.UNKNOWN],
  ['pv', ZoneVirtualizationBackend.PV],
  ['pvh', ZoneVirtualizationBackend.PVH],
  ['automatic', ZoneVirtualizationBackend.AUTOMATIC],
] as const;

const networkBackends = [
  ['default', ZoneNetworkBackend.DEFAULT],
  ['none', ZoneNetworkBackend.NONE],
  ['external', ZoneNetworkBackend.EXTERNAL],
] as const;

const states: Record<ZoneRecord['status']['state'], ZoneState> = {
  creating: ZoneState.CREATING,
  created: ZoneState.CREATED,
  ready: ZoneState.READY,
  exited: ZoneState.EXITED,
  failed: ZoneState.FAILED,
  destroying: ZoneState.DESTROYING,
  destroyed: ZoneState.DESTROYED,
};

/** What the caller asks for; 0 and empty where it leaves the choice. */
export function toDomainZoneSpec(wire: WireZoneSpec): ZoneSpec {
  const options = wire.kernelOptions;
  const network = wire.networkOptions;
  const dns = network?.dnsConfig;
  const assumed = network?.assumeNetworkReservation ?? '';
  return {
    name: wire.name,
    ...(wire.kernel === undefined ? {} : { kernel: toDomainImage(wire.kernel, 'spec.kernel') }),
    ...(wire.initrd === undefined ? {} : { initrd: toDomainImage(wire.initrd, 'spec.initrd') }),
    kernelOptions: {
      verbose: options?.verbose ?? false,
      cmdline: options?.cmdline ?? [],
      cmdlineAppend: options?.cmdlineAppend ?? '',
      modules: options?.modules ?? [],
      moduleParameters: (options?.moduleParameters ?? []).map(({ module, parameter }) => ({
        module,
        parameter,
      })),
      sysctls: (options?.sysctlParameters ?? []).map(({ key, value }) => ({ key, value })),
    },
    resources: toDomainResources(wire.initialResources, 'spec.initial_resources'),
    annotations: wire.annotations.map(({ key, value }) => ({ key, value })),
    addons: wire.addons.map((addon, index) => toDomainImage(addon, `spec.addons[${index}]`)),
    devices: wire.devices.map(({ name }) => name),
    network: {
      backend: toNetworkBackend(network?.backend ?? ZoneNetworkBackend.DEFAULT),
      ...(dns === undefined || dns.nameservers.length + dns.searches.length + dns.options.length === 0
        ? {}
        : { dns: { nameservers: dns.nameservers, searches: dns.searches, options: dns.options } }),
      ...(assumed === ''
        ? {}
        : {
            assumeReservation: decodeReservationId(
              assumed,
              'spec.network_options.assume_network_reservation',
            ),
          }),
      retainReservation: network?.retainNetworkReservation ?? false,
    },
    virtualization: domainOf(
      virtualizations,
      wire.virtualizationOptions?.backend ?? 0,
      'spec.virtualization_options.backend',
    ),
    scratch: toScratch(wire.scratchDisk),
  };
}

/** How much a caller asks for; 0 and `unknown` where it leaves the choice. `field` is where it stands in the request. */
export function toDomainResources(wire: ZoneResourcesSpec | undefined, field: string): ZoneResources {
  return {
    maxMemoryMib: toMib(`${field}.max_memory`, wire?.maxMemory),
    minMemoryMib: toMib(`${field}.min_memory`, wire?.minMemory),
    targetMemoryMib: toMib(`${field}.target_memory`, wire?.targetMemory),
    maxCpus: wire?.maxCpus ?? 0,
    minCpus: wire?.minCpus ?? 0,
    targetCpus: wire?.targetCpus ?? 0,
    policy: domainOf(policies, wire?.adjustmentPolicy ?? 0, `${field}.adjustment_policy`),
  };
}

/** A zone as callers see it. */
export function toWireZone(record: ZoneRecord, hostUuid: string): MessageInitShape<typeof ZoneSchema> {
  const { spec, status, placement } = record;
  return {
    id: record.id,
    spec: toWireSpec(spec),
    status: {
      state: states[status.state],
      host: hostUuid,
      domid: placement?.domid ?? 0,
      createdAt: timestampFromMs(record.createdAtMs),
      ...(record.readyAtMs === undefined ? {} : { readyAt: timestampFromMs(record.readyAtMs) }),
      ...(status.state === 'exited' ? { exitStatus: { code: status.exitCode } } : {}),
      ...(status.state === 'failed' ? { errorStatus: { message: failureText(status) } } : {}),
      ...(placement === undefined
        ? {}
        : {
            resourceStatus: { activeResources: toWireResources(currentResources(record)) },
            deviceStatus: { disks: placement.disks.map(toWireDisk) },
            ...(placement.link === undefined ? {} : { networkStatus: toWireNetwork(placement.link) }),
            ...(record.network === undefined ? {} : { networkStatus: toWireZoneNetwork(record.network) }),
          }),
    },
  };
}

function failureText({ message, lastWords = [] }: ZoneRecord['status'] & { state: 'failed' }): string {
  return [lastWords.length === 0 ? message : `${message}. Its last lines:`, ...lastWords].join('\n');
}

function toWireSpec(spec: ZoneSpec) {
  const { kernelOptions, network } = spec;
  return {
    name: spec.name,
    ...(spec.kernel === undefined ? {} : { kernel: toWireImage(spec.kernel) }),
    ...(spec.initrd === undefined ? {} : { initrd: toWireImage(spec.initrd) }),
    kernelOptions: {
      verbose: kernelOptions.verbose,
      cmdline: kernelOptions.cmdline,
      cmdlineAppend: kernelOptions.cmdlineAppend,
      modules: kernelOptions.modules,
      moduleParameters: kernelOptions.moduleParameters,
      sysctlParameters: kernelOptions.sysctls,
    },
    initialResources: toWireResources(spec.resources),
    annotations: spec.annotations,
    addons: spec.addons.map(toWireImage),
    devices: spec.devices.map((name) => ({ name })),
    networkOptions: {
      backend: wireOf(networkBackends, network.backend),
      ...(network.dns === undefined ? {} : { dnsConfig: network.dns }),
      assumeNetworkReservation: network.assumeReservation ?? '',
      retainNetworkReservation: network.retainReservation,
    },
    virtualizationOptions: { backend: wireOf(virtualizations, spec.virtualization) },
    ...(spec.scratch.kind === 'memory' ? {} : { scratchDisk: toWireScratch(spec.scratch) }),
  };
}

function toWireResources(resources: ZoneResources) {
  return {
    maxMemory: BigInt(resources.maxMemoryMib),
    minMemory: BigInt(resources.minMemoryMib),
    targetMemory: BigInt(resources.targetMemoryMib),
    maxCpus: resources.maxCpus,
    minCpus: resources.minCpus,
    targetCpus: resources.targetCpus,
    adjustmentPolicy: wireOf(policies, resources.policy),
  };
}

function toWireDisk(disk: ZoneDisk) {
  return {
    hostImageFile: disk.origin,
    hostBlockDevice: disk.path,
    filesystemType: disk.purpose === 'addons' ? 'squashfs' : 'ext4',
    purpose: disk.purpose === 'addons' ? ZoneDiskStatusDiskPurpose.ADDONS : ZoneDiskStatusDiskPurpose.SCRATCH,
  };
}

function toWireNetwork(link: ZoneLink) {
  const ips = [
    { version: ZoneNetworkIpVersion.V4, address: link.ipv4, gateway: link.gatewayIpv4 },
    { version: ZoneNetworkIpVersion.V6, address: link.ipv6, gateway: link.gatewayIpv6 },
  ].filter(({ address }) => address !== '');
  const { hostInterface, zoneMac, mtu } = link;
  return { interfaces: [{ hostInterface, zoneInterface: 'eth0', zoneMac, ips, mtu }] };
}

function toNetworkBackend(backend: ZoneNetworkBackend): ZoneSpec['network']['backend'] {
  if (backend !== ZoneNetworkBackend.PASSTHROUGH) {
    return domainOf(networkBackends, backend, 'spec.network_options.backend');
  }
  const text =
    'network backend passthrough needs a PCI device in the zone, which none can have yet; use default or external';
  throw new ConnectError(text, Code.FailedPrecondition);
}

function toScratch(wire: ZoneScratchDiskSpec | undefined): ZoneSpec['scratch'] {
  const backend = wire?.backend;
  if (backend?.case === 'image')
    return { kind: 'image', sizeMib: toMib('spec.scratch_disk.image.size', backend.value.size) };
  if (backend?.case === 'block') return { kind: 'block', device: backend.value.device || backend.value.path };
  return { kind: 'memory' };
}

function toWireScratch(scratch: Exclude<ZoneSpec['scratch'], { kind: 'memory' }>) {
  return scratch.kind === 'image'
    ? { backend: { case: 'image' as const, value: { size: BigInt(scratch.sizeMib) } } }
    : { backend: { case: 'block' as const, value: { device: scratch.device } } };
}

function toMib(field: string, value: bigint | undefined): number {
  if (value === undefined) return 0;
  if (value <= 0xffff_ffffn) return Number(value);
  throw invalidField(field, `${nameOf(field)} is ${value} MiB, which no host has`);
}

/** The last part of a path, which people know as the option's name. */
function nameOf(field: string): string {
  return field.slice(field.lastIndexOf('.') + 1);
}

function domainOf<D extends string>(
  pairs: readonly (readonly [D, number])[],
  wire: number,
  field: string,
): D {
  const pair = pairs.find(([, number]) => number === wire);
  if (pair !== undefined) return pair[0];
  throw invalidField(field, `${nameOf(field)} has the unknown value ${wire}`);
}

function wireOf<D extends string, W extends number>(pairs: readonly (readonly [D, W])[], domain: D): W {
  const pair = pairs.find(([name]) => name === domain);
  if (pair === undefined) throw new Error(`no number for ${domain}`);
  return pair[1];
}
