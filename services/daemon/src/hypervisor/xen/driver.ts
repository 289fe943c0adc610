import { realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { parseZoneId, type ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import type { Logger } from 'pino';
import { listZoneFolders, makeControlFolder } from '../control-folder.ts';
import type {
  Domain,
  DomainLink,
  DomainSpec,
  DomainVif,
  Hypervisor,
  HypervisorCapabilities,
} from '../hypervisor.ts';
import { hostBootId } from '../process-identity.ts';
import { blockDevice, physicalDevice } from './block-device.ts';
import { createDomain, endCreator } from './create-domain.ts';
import { readDebugInfo } from './debug-info.ts';
import { checkSerial } from './disks.ts';
import { findXenTools } from './dom0.ts';
import { type DomainDeps, XenDomain } from './domain.ts';
import { createDomainAccounts, readDomainTables } from './domain-accounts.ts';
import { type BlockDisk, domainConfig, domainName } from './domain-config.ts';
import { type ListedDomain, parseDomainList } from './domain-list.ts';
import { createDomainWatch, type WatchDomains } from './domain-watch.ts';
import { domidOf } from './domid.ts';
import { createGate } from './gate.ts';
import { diskBackendNode, linkBackendNode, ownerNode, serialNode } from './nodes.ts';
import { type DomainRecord, readRecord, writeRecord } from './record.ts';
import { removeDomain } from './remove-domain.ts';
import { createXenstore } from './xenstore.ts';
import { runXl } from './xl.ts';

/** Milliseconds for `xl list`. */
const listTimeoutMs = 10_000;

/** A disk that a domain has from its start. */
interface StartDisk extends BlockDisk {
  readonly serial: string;
}

export interface XenHypervisorOptions {
  readonly paths: StatePaths;
  readonly logger: Logger;
}

/** Zones as Xen domains, made and ended by xl. */
export function createXenHypervisor(options: XenHypervisorOptions): Hypervisor {
  return new XenHypervisor(options);
}

class XenHypervisor implements Hypervisor {
  readonly capabilities: HypervisorCapabilities = {
    name: 'xen',
    virtualizationBackends: ['pv'],
    diskHotplug: true,
    memoryBalloon: true,
    cpuHotplug: true,
    hypervisorConsole: true,
    pciPassthrough: false,
    acceleration: 'xen',
    linkKind: 'vif',
  };
  readonly #paths: StatePaths;
  readonly #logger: Logger;
  /** xl takes a lock for all of a creation, so more at a time would only wait in more processes. */
  readonly #creating = createGate(1);
  #found: Promise<DomainDeps> | undefined;

  constructor(options: XenHypervisorOptions) {
    this.#paths = options.paths;
    this.#logger = options.logger;
  }

  async start(spec: DomainSpec, signal: AbortSignal): Promise<Domain> {
    signal.throwIfAborted();
    checkSpec(spec);
    const deps = await this.#deps();
    const { zoneId } = spec;
    await this.#refuseSecond(zoneId, deps, signal);
    const controlFolder = await makeControlFolder(this.#paths, zoneId);
    const record = { version: 1, driver: 'xen', zoneId, bootId: hostBootId(), phase: 'starting' } as const;
    await writeRecord(controlFolder, record);
    let domain: XenDomain | undefined;
    try {
      const disks = await blockDisks(spec, deps);
      const domid = await this.#create(spec, disks, record, deps, signal);
      domain = new XenDomain(zoneId, domid, deps);
      // It boots meanwhile: its disks and links are there for it when their back ends connect.
      await allDone([
        this.#nodes(disks, domid).then((values) => deps.store.write(values)),
        ...spec.links.map((link, index) => attachLink(vif(link), domid, index, deps, signal)),
      ]);
      await writeRecord(controlFolder, { ...record, phase: 'running' });
      return domain;
    } catch (error) {
      const undone = domain?.destroy(signal) ?? removeDomain(zoneId, deps);
      await undone.catch((failure: unknown) => {
        // The record is there still, so the zone's teardown tries again.
        this.#logger.error({ err: failure, zone: zoneId }, 'what a failed start left is not gone yet');
      });
      domain?.close();
      throw error;
    }
  }

  async adopt(zoneId: ZoneId, signal: AbortSignal): Promise<Domain | undefined> {
    const record = await readRecord(this.#paths.zoneControl(zoneId));
    const deps = await this.#deps();
    if (record?.creator !== undefined) await endCreator(record.creator);
    const listed = await findDomain(zoneId, deps, signal);
    const owner = listed && (await deps.store.read(ownerNode(listed.domid)));
    const root = await this.#root();
    // The same id in a state folder that is a copy of ours, or ours is the copy.
    if (owner !== undefined && owner !== root) return undefined;
    if (listed === undefined || (record === undefined && owner === undefined)) {
      if (record !== undefined) await removeDomain(zoneId, deps);
      return undefined;
    }
    const domain = new XenDomain(zoneId, listed.domid, deps);
    if (record?.phase === 'starting') {
      await domain.end({ kind: 'lost', message: 'the start of the zone was cut off' });
    } else if (record !== undefined && record.bootId !== hostBootId()) {
      await domain.end({ kind: 'lost', message: 'the host was restarted' });
    } else {
      // Once more: it follows from now on, and must not miss what came just before.
      await domain.refresh(signal);
    }
    return domain;
  }

  async list(signal: AbortSignal): Promise<readonly ZoneId[]> {
    const zones = new Set<ZoneId>();
    for (const zoneId of await listZoneFolders(this.#paths)) {
      if (await readRecord(this.#paths.zoneControl(zoneId))) zones.add(zoneId);
    }
    // Domains whose records were lost.
    const deps = await this.#deps();
    const root = await this.#root();
    for (const domain of await deps.watch.look(signal)) {
      const zoneId = parseZoneId(domain.uuid);
      if (zoneId === undefined || zones.has(zoneId) || domain.name !== domainName(zoneId)) continue;
      if ((await deps.store.read(ownerNode(domain.domid))) === root) zones.add(zoneId);
    }
    return [...zones];
  }

  async readConsole(signal: AbortSignal): Promise<string> {
    const { tools } = await this.#deps();
    const failure = "Xen's console cannot be read";
    return await runXl(tools.xl, ['dmesg'], { failure, timeoutMs: listTimeoutMs, signal });
  }

  async debugInfo(signal: AbortSignal): Promise<object> {
    const { tools, store } = await this.#deps();
    return await readDebugInfo(tools, store, signal);
  }

  /** Creates the domain, which runs from then on, and gives its number. */
  async #create(
    spec: DomainSpec,
    disks: readonly StartDisk[],
    record: DomainRecord,
    deps: DomainDeps,
    signal: AbortSignal,
  ): Promise<number> {
    const { zoneId } = spec;
    const controlFolder = this.#paths.zoneControl(zoneId);
    const configPath = join(controlFolder, 'domain.cfg');
    await writeFile(configPath, domainConfig(spec, disks), { mode: 0o600 });
    const failure = `zone ${zoneId} could not be started`;
    const onStarted = (creator: DomainRecord['creator']) =>
      writeRecord(controlFolder, { ...record, creator });
    await this.#creating(() => createDomain({ tools: deps.tools, configPath, failure, onStarted }, signal));
    const domid = await domidOf(zoneId, deps.store);
    if (domid !== undefined) return domid;
    throw new ConnectError(`${failure}: its domain was destroyed at once`, Code.Internal);
  }

  async #refuseSecond(zoneId: ZoneId, deps: DomainDeps, signal: AbortSignal): Promise<void> {
    // Without a record there is nothing; the look at all domains costs a process.
    if ((await readRecord(this.#paths.zoneControl(zoneId))) === undefined) return;
    const domain = await findDomain(zoneId, deps, signal);
    if (domain === undefined) return;
    const text = `zone ${zoneId} runs already (domain ${domain.domid}); adopt or destroy it first`;
    throw new ConnectError(text, Code.AlreadyExists);
  }

  /** What the driver adds to xenstore: whose the domain is, and of each disk the serial before the device. */
  async #nodes(disks: readonly StartDisk[], domid: number): Promise<(readonly [string, string])[]> {
    const values: (readonly [string, string])[] = [[ownerNode(domid), await this.#root()]];
    for (const { index, device, serial } of disks) {
      values.push([serialNode(domid, index), serial]);
      values.push([`${diskBackendNode(domid, index)}/physical-device`, await physicalDevice(device)]);
    }
    return values;
  }

  async #root(): Promise<string> {
    return await realpath(this.#paths.root);
  }

  #deps(): Promise<DomainDeps> {
    this.#found ??= this.#find().catch((error: unknown) => {
      this.#found = undefined;
      throw error;
    });
    return this.#found;
  }

  async #find(): Promise<DomainDeps> {
    const tools = await findXenTools();
    const list = async () => {
      const failure = "Xen's domains cannot be listed";
      return parseDomainList(await runXl(tools.xl, ['list', '-v'], { failure, timeoutMs: listTimeoutMs }));
    };
    const store = createXenstore();
    const watchDomains: WatchDomains = (onEvent) => store.watch('@releaseDomain', onEvent);
    const watch = createDomainWatch({ list, watchDomains, logger: this.#logger });
    const accounts = createDomainAccounts(() => readDomainTables(tools));
    return { paths: this.#paths, tools, store, watch, accounts, logger: this.#logger };
  }
}

async function findDomain(
  zoneId: ZoneId,
  { watch }: DomainDeps,
  signal: AbortSignal,
): Promise<ListedDomain | undefined> {
  return (await watch.look(signal)).find(({ uuid }) => uuid === zoneId);
}

async function blockDisks(spec: DomainSpec, { tools }: DomainDeps): Promise<StartDisk[]> {
  return await allDone(
    spec.disks.map(async (disk, index) => {
      const device = await blockDevice(tools.losetup, disk);
      return { index, device, readOnly: disk.readOnly, serial: disk.serial };
    }),
  );
}

/** Has a link put in force, and only then lets its back end connect. */
async function attachLink(
  link: DomainVif,
  domid: number,
  index: number,
  { store }: DomainDeps,
  signal: AbortSignal,
): Promise<void> {
  await link.attach(`vif${domid}.${index}`, signal);
  await store.write([[`${linkBackendNode(domid, index)}/hotplug-status`, 'connected']]);
}

/** Waits for every one, so that nothing is made after the undoing began. */
async function allDone<T>(parts: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(parts);
  return await Promise.all(parts);
}

function checkSpec(spec: DomainSpec): void {
  if (spec.virtualization === 'pvh') {
    const text = `zone ${spec.zoneId} asks for pvh; this driver has pv alone`;
    throw new ConnectError(text, Code.FailedPrecondition);
  }
  for (const { serial } of spec.disks) checkSerial(serial);
  for (const link of spec.links) vif(link);
}

/** Xen declares vifs, and gets nothing else. */
function vif(link: DomainLink): DomainVif {
  if (link.kind === 'vif') return link;
  throw new Error(`Xen plugs vifs, not a ${link.kind}`);
}
