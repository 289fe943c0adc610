import { join } from 'node:path';
import type { ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import { createLocks } from '@protect/service/locks';
import { makeDeviceNode } from './disks/device-node.ts';
import { listDiskFolders, makeDiskFolder, removeDiskFolder, sweepDiskFolder } from './disks/disk-folder.ts';
import { deviceNumber, findHostDevice, type HostDevice } from './disks/host-device.ts';
import { findHostUse } from './disks/host-use.ts';
import { linkImage, openCachedImage } from './disks/image-link.ts';
import { makeScratchDevice, makeScratchFile, scratchName } from './disks/scratch-disk.ts';
import { withdrawFile } from './disks/withdraw-file.ts';
import { absent, filesystemError, refused } from './errors.ts';
import { planPrepare, planProvide, planRetain, planWithdraw, type RetainAction } from './plan.ts';
import type { ZoneStore } from './state/zone-store.ts';
import {
  type Configuration,
  type DiskSource,
  type ProvidedDisk,
  type RetainedZone,
  type ScratchSource,
  scratchSerial,
  type ZoneRecord,
} from './zone-record.ts';

/** Everything in the service happens under this key: Configure alone, all else together. */
const wholeService = 'service';

export interface PrepareZone {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  readonly uid: number;
  readonly scratch: ScratchSource | undefined;
}

export interface ProvideDisk {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  readonly serial: string;
  readonly readOnly: boolean;
  readonly source: DiskSource;
}

export interface WithdrawDisk {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  readonly serial: string;
}

/** The disks of all zones. Every operation may be repeated, also after a crash in the middle of it. */
export interface Zones {
  configured(): boolean;
  configure(configuration: Configuration, retained: readonly RetainedZone[]): Promise<void>;
  /** Returns the scratch disk when one was asked for. */
  prepare(request: PrepareZone, signal: AbortSignal): Promise<ProvidedDisk | undefined>;
  provide(request: ProvideDisk, signal: AbortSignal): Promise<ProvidedDisk>;
  withdraw(request: WithdrawDisk): Promise<void>;
  release(zoneId: ZoneId): Promise<void>;
}

export function createZones({ paths, store }: { paths: StatePaths; store: ZoneStore }): Zones {
  const locks = createLocks();
  /** Packed images, and what was unpacked from kernel images: a kernel's modules lie beside it. */
  const caches = [paths.imageCache, paths.bootCache];
  const alone = <T>(zoneId: ZoneId, operation: () => Promise<T>) =>
    locks.shared(wholeService, () => locks.exclusive(zoneId, operation));
  const diskAlone = <T>(zoneId: ZoneId, serial: string, operation: () => Promise<T>) =>
    locks.shared(wholeService, () =>
      locks.shared(zoneId, () => locks.exclusive(`${zoneId}/${serial}`, operation)),
    );

  function requireConfiguration(): Configuration {
    const configuration = store.configuration();
    if (configuration === undefined) {
      throw refused('protect-storage has no configuration yet; call Configure first');
    }
    return configuration;
  }

  async function findNamed(name: string): Promise<HostDevice> {
    const path = requireConfiguration().blockDevices.get(name);
    if (path === undefined)
      throw absent(`no block device ${name}; add [block.devices.${name}] to daemon.toml`);
    return findHostDevice(path);
  }

  /** Two writers destroy a filesystem, and so does a reader's cache beside a writer. */
  function requireFree(
    device: HostDevice,
    user: { zoneId: ZoneId; serial: string },
    readOnly: boolean,
  ): void {
    const number = deviceNumber(device);
    for (const zone of store.zones()) {
      const uses = [...zone.disks.values()].filter((disk) => disk.device === number);
      const scratch = zone.scratchDevice === number ? [{ serial: scratchSerial, readOnly: false }] : [];
      for (const use of [...uses, ...scratch]) {
        if (zone.zoneId === user.zoneId && use.serial === user.serial) continue;
        if (readOnly && use.readOnly) continue;
        throw refused(`${device.path} is disk ${use.serial} of zone ${zone.zoneId}; withdraw it there first`);
      }
    }
  }

  async function claimForWriting<T>(
    device: HostDevice,
    user: { zoneId: ZoneId; serial: string; readOnly: boolean },
    claim: () => Promise<T>,
  ): Promise<T> {
    return locks.exclusive(`device/${deviceNumber(device)}`, async () => {
      requireFree(device, user, user.readOnly);
      const use = user.readOnly ? undefined : await findHostUse(device);
      if (use !== undefined) throw refused(`${device.path} is ${use} on the host; free it there first`);
      return claim();
    });
  }

  async function freeZone(zoneId: ZoneId): Promise<void> {
    await removeDiskFolder(paths, zoneId);
    if (store.zone(zoneId) !== undefined) await store.removeZone(zoneId);
  }

  async function makeScratch(zone: PrepareZone, device: HostDevice | undefined, signal: AbortSignal) {
    const folder = await makeDiskFolder(paths, zone.zoneId, zone.uid);
    await sweepDiskFolder(paths, zone.zoneId, (name) => keepsInGeneration(store.zone(zone.zoneId), name));
    if (zone.scratch === undefined) return undefined;
    const owner = { folder, generation: zone.generation, uid: zone.uid };
    const common = { serial: scratchSerial, readOnly: false };
    if (zone.scratch.kind === 'file') {
      const { sizeBytes } = zone.scratch;
      const path = await makeScratchFile(owner, sizeBytes, signal);
      return { ...common, path, sizeBytes, origin: path };
    }
    if (device === undefined) throw new TypeError(`scratch device of zone ${zone.zoneId} was not looked up`);
    const path = await makeScratchDevice(owner, device, signal);
    return { ...common, path, sizeBytes: device.sizeBytes, origin: device.path };
  }

  async function prepare(zone: PrepareZone, signal: AbortSignal): Promise<ProvidedDisk | undefined> {
    signal.throwIfAborted();
    requireConfiguration();
    const plan = planPrepare(store.zone(zone.zoneId), zone);
    if (plan.kind === 'refuse') throw refused(plan.reason);
    const device = zone.scratch?.kind === 'named' ? await findNamed(zone.scratch.name) : undefined;
    if (plan.kind !== 'repeat') {
      const record = { ...zone, scratchDevice: device === undefined ? undefined : deviceNumber(device) };
      const user = { zoneId: zone.zoneId, serial: scratchSerial, readOnly: false };
      if (device === undefined) await store.putZone(record);
      else await claimForWriting(device, user, () => store.putZone(record));
    }
    try {
      return await makeScratch(zone, device, signal);
    } catch (error) {
      if (plan.kind !== 'repeat') await freeZone(zone.zoneId);
      throw error;
    }
  }

  async function provide(request: ProvideDisk, signal: AbortSignal): Promise<ProvidedDisk> {
    signal.throwIfAborted();
    requireConfiguration();
    const held = store.zone(request.zoneId);
    const plan = planProvide(held, request);
    if (plan.kind === 'refuse') throw refused(plan.reason);
    if (held === undefined) throw new TypeError(`zone ${request.zoneId} was planned without a record`);
    const { zoneId, serial, readOnly, source } = request;
    const path = join(paths.zoneDisks(zoneId), serial);
    const record = async (device: string | undefined) => {
      if (plan.kind === 'make') await store.putDisk(zoneId, { serial, readOnly, source, device });
    };
    const undoing = async (make: () => Promise<void>) => {
      try {
        await make();
      } catch (error) {
        if (plan.kind === 'make') {
          await withdrawFile(path);
          await store.removeDisk(zoneId, serial);
        }
        throw error;
      }
    };
    if (source.kind === 'image') {
      const image = await openCachedImage(caches, source.path);
      await record(undefined);
      await undoing(() => linkImage(image, path));
      return { serial, path, sizeBytes: image.sizeBytes, readOnly, origin: source.path };
    }
    const device = source.kind === 'named' ? await findNamed(source.name) : await findHostDevice(source.path);
    if (device.readOnly && !readOnly) throw refused(`${device.path} is read-only; attach it as read-only`);
    if (plan.kind === 'make') {
      await claimForWriting(device, { zoneId, serial, readOnly }, () => record(deviceNumber(device)));
    }
    await undoing(() => makeDeviceNode(device, path, { uid: held.uid, readOnly }, signal));
    return { serial, path, sizeBytes: device.sizeBytes, readOnly, origin: device.path };
  }

  async function removeDisk(zoneId: ZoneId, serial: string): Promise<void> {
    await withdrawFile(join(paths.zoneDisks(zoneId), serial));
    await store.removeDisk(zoneId, serial);
  }

  async function withdraw(request: WithdrawDisk): Promise<void> {
    requireConfiguration();
    const plan = planWithdraw(store.zone(request.zoneId), request);
    if (plan.kind === 'refuse') throw refused(plan.reason);
    if (plan.kind === 'remove') await removeDisk(request.zoneId, request.serial);
  }

  function retain(action: RetainAction): Promise<void> {
    switch (action.kind) {
      case 'free-zone':
        return freeZone(action.zoneId);
      case 'withdraw':
        return removeDisk(action.zoneId, action.serial);
    }
  }

  async function configure(configuration: Configuration, retained: readonly RetainedZone[]): Promise<void> {
    await store.saveConfiguration(configuration);
    const actions = planRetain(store.zones(), await listDiskFolders(paths), retained);
    for (const action of actions) await retain(action);
    for (const zone of store.zones()) {
      await sweepDiskFolder(paths, zone.zoneId, (name) => keepsInGeneration(zone, name));
    }
  }

  const told = async <T>(what: string, operation: () => Promise<T>) => {
    try {
      return await operation();
    } catch (error) {
      throw filesystemError(error, what);
    }
  };
  return {
    configured: () => store.configuration() !== undefined,
    configure: (configuration, retained) =>
      locks.exclusive(wholeService, () =>
        told('bring the disks in line with the configuration', () => configure(configuration, retained)),
      ),
    prepare: (request, signal) =>
      alone(request.zoneId, () => told(`prepare zone ${request.zoneId}`, () => prepare(request, signal))),
    provide: (request, signal) =>
      diskAlone(request.zoneId, request.serial, () =>
        told(`provide disk ${request.serial}`, () => provide(request, signal)),
      ),
    withdraw: (request) =>
      diskAlone(request.zoneId, request.serial, () =>
        told(`withdraw disk ${request.serial}`, () => withdraw(request)),
      ),
    release: (zoneId) => alone(zoneId, () => told(`release zone ${zoneId}`, () => freeZone(zoneId))),
  };
}

/** Whether a name in the zone's disk folder belongs to what is recorded of its present generation. */
function keepsInGeneration(zone: ZoneRecord | undefined, name: string): boolean {
  if (zone === undefined) return false;
  return name === scratchName(zone.generation) || zone.disks.has(name);
}
