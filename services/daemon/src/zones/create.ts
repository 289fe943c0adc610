import { mkdir } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { LinkKind } from '@protect/proto/network';
import type { Disk } from '@protect/proto/storage';
import type { Domain, DomainLink } from '../hypervisor/hypervisor.ts';
import { patientCall } from '../peers/patient-call.ts';
import {
  type ZoneDisk,
  type ZoneLink,
  type ZonePlacement,
  type ZoneRecord,
  zoneUid,
} from '../state/zone-record.ts';
import { findAddons, kernelAddonsSerial } from './addons.ts';
import type { ZoneDeps } from './deps.ts';
import { toZoneLink } from './zone-link.ts';

const linkKinds = { tap: LinkKind.TAP, vif: LinkKind.VIF } as const;

export interface LaunchedZone {
  readonly domain: Domain;
  readonly placement: ZonePlacement;
}

/**
 * Makes everything a zone needs on the host and starts its machine. On failure `undo`, the one way to
 * clean up, has been carried out, and the error says what failed.
 */
export async function launchZone(
  deps: ZoneDeps,
  record: ZoneRecord,
  undo: () => Promise<void>,
  signal: AbortSignal,
): Promise<LaunchedZone> {
  const { id, spec } = record;
  const uid = zoneUid(record);
  const generation = BigInt(record.generation);
  await using steps = new AsyncDisposableStack();
  steps.defer(undo);

  // 1. The zone's folder, which tells of the zone before there is a machine that could be found without a record.
  await mkdir(deps.paths.zone(id), { recursive: true, mode: 0o711 });
  await deps.records.written(id);

  // 2. Kernel and ramdisk (unpacked before, as a rule), disks and link, all at the same time.
  const kernelImage = deps.bootImages.kernel(spec.kernel, signal);
  const parts = [
    kernelImage,
    deps.bootImages.initrd(spec.initrd, signal),
    bootDisks(deps, record, kernelImage, signal),
    spec.network.backend !== 'default'
      ? Promise.resolve(undefined)
      : patientCall(
          'protect-network',
          (call) =>
            deps.network.prepareZone(
              {
                ...{ zoneId: id, generation, uid, kind: linkKinds[deps.hypervisor.capabilities.linkKind] },
                assumeReservationId: spec.network.assumeReservation ?? '',
                keepReservation: spec.network.retainReservation,
              },
              { signal: call },
            ),
          signal,
        ),
  ] as const;
  // Waits for every one, so that nothing is made after the undoing began.
  await Promise.allSettled(parts);
  const [kernel, initrd, disks, link] = await Promise.all(parts);

  // 3. The machine.
  const zoneLink = toZoneLink(link?.link);
  if (spec.network.backend === 'default' && zoneLink === undefined) {
    throw new ConnectError('protect-network gave no link', Code.Internal);
  }
  const domain = await deps.hypervisor.start(
    {
      zoneId: id,
      virtualization: spec.virtualization === 'unknown' ? 'automatic' : spec.virtualization,
      uid,
      kernelPath: kernel.kernelPath,
      initrdPath: initrd.initrdPath,
      kernelCmdline: kernelCmdline(record),
      verboseConsole: spec.kernelOptions.verbose,
      memoryMib: spec.resources.targetMemoryMib,
      maxMemoryMib: spec.resources.maxMemoryMib,
      cpus: spec.resources.targetCpus,
      maxCpus: spec.resources.maxCpus,
      disks,
      links: zoneLink === undefined ? [] : [domainLink(deps, record, zoneLink)],
    },
    signal,
  );

  steps.move();
  const placement = { domid: domain.domid, disks, ...(zoneLink === undefined ? {} : { link: zoneLink }) };
  return { domain, placement };
}

/** The zone's disk folder, its scratch disk if it has one, and the disks with its kernel's modules and its addons. */
async function bootDisks(
  deps: ZoneDeps,
  record: ZoneRecord,
  kernelImage: ReturnType<ZoneDeps['bootImages']['kernel']>,
  signal: AbortSignal,
): Promise<ZoneDisk[]> {
  const zone = { zoneId: record.id, generation: BigInt(record.generation) };
  const { scratch } = await patientCall(
    'protect-storage',
    (call) =>
      deps.storage.prepareZone(
        { ...zone, uid: zoneUid(record), scratch: scratchRequest(record.spec.scratch) },
        { signal: call },
      ),
    signal,
  );
  const disks = scratch === undefined ? [] : [toZoneDisk('scratch', scratch)];
  const { addonsPath } = await kernelImage;
  const addons = await findAddons(deps.images, record.spec.addons);
  if (addonsPath !== undefined) addons.unshift({ serial: kernelAddonsSerial, path: addonsPath });
  for (const { serial, path } of addons) {
    const { disk } = await patientCall(
      'protect-storage',
      (call) =>
        deps.storage.provideDisk(
          { ...zone, serial, readOnly: true, source: { case: 'imagePath', value: path } },
          { signal: call },
        ),
      signal,
    );
    if (disk !== undefined) disks.push(toZoneDisk('addons', disk));
  }
  return disks;
}

/**
 * What a zone's kernel is told besides what the driver tells it. That it need not test its ciphers at each boot
 * saves a tenth of the boot; with `fips=1` it does so all the same.
 */
function kernelCmdline({ spec: { kernelOptions } }: ZoneRecord): string {
  const words = ['cryptomgr.notests', ...kernelOptions.cmdline, kernelOptions.cmdlineAppend];
  return words.filter((word) => word !== '').join(' ');
}

function scratchRequest(scratch: ZoneRecord['spec']['scratch']) {
  switch (scratch.kind) {
    case 'memory':
      return { case: undefined };
    case 'image':
      return { case: 'scratchImageBytes', value: BigInt(scratch.sizeMib) * 1024n * 1024n } as const;
    case 'block':
      return { case: 'scratchBlockDevice', value: scratch.device } as const;
    default:
      return scratch satisfies never;
  }
}

function toZoneDisk(purpose: ZoneDisk['purpose'], disk: Disk): ZoneDisk {
  const { serial, path, origin, readOnly } = disk;
  return { purpose, serial, path, origin, readOnly };
}

function domainLink(deps: ZoneDeps, { id, generation }: ZoneRecord, link: ZoneLink): DomainLink {
  const { hostInterface, netnsPath, zoneMac: mac } = link;
  if (deps.hypervisor.capabilities.linkKind === 'tap') return { kind: 'tap', hostInterface, netnsPath, mac };
  return {
    kind: 'vif',
    mac,
    async attach(name, signal) {
      await patientCall(
        'protect-network',
        (call) =>
          deps.network.attachInterface(
            { zoneId: id, generation: BigInt(generation), interface: name },
            { signal: call },
          ),
        signal,
      );
    },
  };
}
