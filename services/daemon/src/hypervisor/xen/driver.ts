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
import { blockDevice } from './block-device.ts';
import { createDomain, endCreator } from './create-domain.ts';
import { checkSerial, serialNode } from './disks.ts';
import { findXenTools } from './dom0.ts';
import { type DomainDeps, XenDomain } from './domain.ts';
import { type BlockDisk, domainConfig, domainName } from './domain-config.ts';
import { type ListedDomain, parseDomainList } from './domain-list.ts';
import { createDomainWatch, xenstoreDomainEvents } from './domain-watch.ts';
import { createGate } from './gate.ts';
import { type DomainRecord, readRecord, writeRecord } from './record.ts';
import { removeDomain } from './remove-domain.ts';
import { createXenstore } from './xenstore.ts';
import { runXl } from './xl.ts';

/** Milliseconds for `xl list`. */
const listTimeoutMs = 10_000;

const hotplugFolder = join(import.meta.dirname, '../../../hotplug');
const hotplug = { block: join(hotplugFolder, 'block'), vif: join(hotplugFolder, 'vif') };

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
    memoryBalloon: false,
    cpuHotplug: false,
    hypervisorConsole: false,
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
    const before = await findDomain(zoneId, deps, signal);
    if (before !== undefined) {
      const text = `zone ${zoneId} runs already (domain ${before.domid}); adopt or destroy it first`;
      throw new ConnectError(text, Code.AlreadyExists);
    }
    const controlFolder = await makeControlFolder(this.#paths, zoneId);
    const record = { version: 1, driver: 'xen', zoneId, bootId: hostBootId(), phase: 'starting' } as const;
    await writeRecord(controlFolder, record);
    let domain: XenDomain | undefined;
    try {
      const disks = await blockDisks(spec, deps);
      const domid = await this.#create(spec, disks, record, deps, signal);
      domain = new XenDomain(zoneId, domid, deps);
      await allDone([
        deps.store.write(await this.#nodes(spec, disks, domid), signal),
        ...spec.links.map((link, index) => vif(link).attach(`vif${domid}.${index}`, signal)),
      ]);
      await domain.resume(signal);
      await writeRecord(controlFolder, { ...record, phase: 'running' });
      return domain;
    } catch (error) {
      const undone = domain?.destroy(signal) ?? removeDomain(zoneId, deps).then(() => undefined);
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
    const owner = listed && (await this.#ownerOf(listed, deps, signal));
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
      await domain.look(listed);
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
      if ((await this.#ownerOf(domain, deps, signal)) === root) zones.add(zoneId);
    }
    return [...zones];
  }

  /** Creates the domain, which does not run yet, and gives its number. */
  async #create(
    spec: DomainSpec,
    disks: readonly BlockDisk[],
    record: DomainRecord,
    deps: DomainDeps,
    signal: AbortSignal,
  ): Promise<number> {
    const { zoneId } = spec;
    const controlFolder = this.#paths.zoneControl(zoneId);
    const configPath = join(controlFolder, 'domain.cfg');
    await writeFile(configPath, domainConfig(spec, disks, hotplug), { mode: 0o600 });
    const failure = `zone ${zoneId} could not be started`;
    const onStarted = (creator: DomainRecord['creator']) =>
      writeRecord(controlFolder, { ...record, creator });
    await this.#creating(() => createDomain({ tools: deps.tools, configPath, failure, onStarted }, signal));
    const domain = await findDomain(zoneId, deps, signal);
    if (domain !== undefined) return domain.domid;
    throw new ConnectError(`${failure}: its domain was destroyed at once`, Code.Internal);
  }

  /** What is in xenstore before the domain runs: whose it is, and the serials of its disks. */
  async #nodes(
    spec: DomainSpec,
    disks: readonly BlockDisk[],
    domid: number,
  ): Promise<(readonly [string, string])[]> {
    const serials = spec.disks.map(({ serial }, at) => {
      return [serialNode(domid, disks[at]?.index ?? at), serial] as const;
    });
    return [[ownerNode(domid), await this.#root()], ...serials];
  }

  async #ownerOf(
    { domid }: ListedDomain,
    deps: DomainDeps,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return await deps.store.read(ownerNode(domid), signal);
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
    const watch = createDomainWatch({
      list,
      watchDomains: xenstoreDomainEvents(tools),
      logger: this.#logger,
    });
    const store = createXenstore(tools);
    return { paths: this.#paths, tools, store, watch, diskScript: hotplug.block, logger: this.#logger };
  }
}

/** The node that tells whose a domain is. */
function ownerNode(domid: number): string {
  return `/local/domain/${domid}/protect/state`;
}

async function findDomain(
  zoneId: ZoneId,
  { watch }: DomainDeps,
  signal: AbortSignal,
): Promise<ListedDomain | undefined> {
  return (await watch.look(signal)).find(({ uuid }) => uuid === zoneId);
}

async function blockDisks(spec: DomainSpec, { tools }: DomainDeps): Promise<BlockDisk[]> {
  return await allDone(
    spec.disks.map(async (disk, index) => {
      const device = await blockDevice(tools.losetup, disk);
      return { index, device, readOnly: disk.readOnly };
    }),
  );
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
