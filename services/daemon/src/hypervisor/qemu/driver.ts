import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import type { Logger } from 'pino';
import { z } from 'zod';
import { emptyControlFolder, listZoneFolders, makeControlFolder } from '../control-folder.ts';
import type { Domain, DomainSpec, Hypervisor, HypervisorCapabilities } from '../hypervisor.ts';
import { isRunning } from '../process-identity.ts';
import { aimBalloon } from './balloon.ts';
import { confineProcess, limitMemory, removeGroups } from './cgroup.ts';
import { domainCommand, type QemuSettings, tasksMax } from './command-line.ts';
import { connectControlSocket } from './control-socket.ts';
import { type DomainProcess, QemuDomain, reap } from './domain.ts';
import { type LaunchedProcess, launch } from './launch.ts';
import { QmpClient } from './qmp.ts';
import { type DomainRecord, readRecord, writeRecord } from './record.ts';
import { untold } from './untold.ts';

const defaultBinary = '/usr/bin/qemu-system-x86_64';

/** MiB of translated code kept under emulation; more is faster for large programs and costs host memory. */
const defaultTranslationCacheMib = 64;

/** MiB that QEMU itself may use beside the zone's memory and its translated code. */
const overheadMib = 384;

const mebibyte = 1024 * 1024;
const uuidSchema = z.looseObject({ UUID: z.string() });

export interface QemuHypervisorOptions {
  readonly paths: StatePaths;
  readonly logger: Logger;
  /** Found by `probeAcceleration`. */
  readonly acceleration: 'kvm' | 'tcg';
  /** Default /usr/bin/qemu-system-x86_64. */
  readonly binary?: string;
  /** Default 64 MiB; only used under emulation. */
  readonly translationCacheMib?: number;
}

/** Zones as QEMU processes. */
export function createQemuHypervisor(options: QemuHypervisorOptions): Hypervisor {
  return new QemuHypervisor(options);
}

class QemuHypervisor implements Hypervisor {
  readonly capabilities: HypervisorCapabilities;
  readonly #paths: StatePaths;
  readonly #logger: Logger;
  readonly #settings: QemuSettings;

  constructor(options: QemuHypervisorOptions) {
    this.#paths = options.paths;
    this.#logger = options.logger;
    this.#settings = {
      binary: options.binary ?? defaultBinary,
      acceleration: options.acceleration,
      translationCacheMib: options.translationCacheMib ?? defaultTranslationCacheMib,
    };
    this.capabilities = {
      name: 'qemu',
      virtualizationBackends: ['qemu'],
      diskHotplug: true,
      memoryBalloon: true,
      cpuHotplug: true,
      hypervisorConsole: false,
      pciPassthrough: false,
      acceleration: options.acceleration,
      linkKind: 'tap',
    };
  }

  async start(spec: DomainSpec, signal: AbortSignal): Promise<Domain> {
    signal.throwIfAborted();
    const controlFolder = this.#paths.zoneControl(spec.zoneId);
    const command = domainCommand(spec, this.#settings);
    await this.#prepareFolder(spec.zoneId, controlFolder);
    const launched = await launch(spec.zoneId, command, controlFolder);
    let domainProcess: DomainProcess = {
      zoneId: spec.zoneId,
      ...launched,
      controlFolder,
      ...this.#groups([]),
    };
    let domain: QemuDomain | undefined;
    try {
      domainProcess = { ...domainProcess, ...this.#groups(await this.#confine(spec, launched)) };
      await writeRecord(controlFolder, recordOf(domainProcess));
      await launched.greeted(signal);
      const qmp = await this.#connect(controlFolder, signal);
      domain = new QemuDomain(domainProcess, qmp, this.#logger);
      for (const disk of spec.disks) await domain.attachDisk(disk, signal);
      await aimBalloon(qmp, spec.memoryMib, signal);
      await domain.resume(signal);
      return domain;
    } catch (error) {
      domain?.close();
      const how = await launched.end();
      await reap(domainProcess, this.#logger);
      throw how === undefined ? error : startError(spec.zoneId, how, error);
    }
  }

  async adopt(zoneId: ZoneId, signal: AbortSignal): Promise<Domain | undefined> {
    const controlFolder = this.#paths.zoneControl(zoneId);
    const record = await readRecord(controlFolder);
    if (record?.zoneId !== zoneId) return undefined;
    const identity = { pid: record.pid, startTime: record.startTime, bootId: record.bootId };
    if (!isRunning(identity)) {
      await removeGroups(record.cgroups, this.#logger);
      await emptyControlFolder(controlFolder);
      return undefined;
    }
    const domainProcess: DomainProcess = {
      zoneId,
      identity,
      controlFolder,
      ...this.#groups(record.cgroups),
      exited: undefined,
    };
    let qmp: QmpClient;
    try {
      qmp = await this.#connectVerified(zoneId, controlFolder, signal);
    } catch (error) {
      if (signal.aborted || isRunning(identity)) throw error;
      await reap(domainProcess, this.#logger);
      return undefined;
    }
    const domain = new QemuDomain(domainProcess, qmp, this.#logger);
    await domain.refresh(signal);
    return domain;
  }

  async list(_signal: AbortSignal): Promise<readonly ZoneId[]> {
    const zones: ZoneId[] = [];
    for (const zoneId of await listZoneFolders(this.#paths)) {
      if (await readRecord(this.#paths.zoneControl(zoneId))) zones.push(zoneId);
    }
    return zones;
  }

  async readConsole(): Promise<string> {
    throw untold('hypervisor console');
  }

  async debugInfo(): Promise<object> {
    throw untold('hypervisor debug information');
  }

  async #prepareFolder(zoneId: ZoneId, controlFolder: string): Promise<void> {
    const record = await readRecord(controlFolder);
    if (record && isRunning(record)) {
      const text = `zone ${zoneId} runs already (process ${record.pid}); adopt or destroy it first`;
      throw new ConnectError(text, Code.AlreadyExists);
    }
    await makeControlFolder(this.#paths, zoneId);
  }

  #confine(spec: DomainSpec, launched: LaunchedProcess): Promise<string[]> {
    const limits = { memoryBytes: this.#memoryBytes(spec.memoryMib), processes: tasksMax };
    return confineProcess(spec.zoneId, launched.identity.pid, limits, this.#logger);
  }

  /** All that the process of a zone that has this much memory may use. */
  #memoryBytes(memoryMib: number): number {
    return (memoryMib + this.#settings.translationCacheMib + overheadMib) * mebibyte;
  }

  #groups(cgroups: readonly string[]): Pick<DomainProcess, 'cgroups' | 'limitMemory'> {
    return { cgroups, limitMemory: (mib) => limitMemory(cgroups, this.#memoryBytes(mib), this.#logger) };
  }

  async #connect(controlFolder: string, signal: AbortSignal): Promise<QmpClient> {
    const qmp = new QmpClient(await connectControlSocket(controlFolder, 'qmp', signal));
    try {
      await qmp.negotiate(signal);
      return qmp;
    } catch (error) {
      qmp.close();
      throw error;
    }
  }

  async #connectVerified(zoneId: ZoneId, controlFolder: string, signal: AbortSignal): Promise<QmpClient> {
    const qmp = await this.#connect(controlFolder, signal);
    try {
      const { UUID } = await qmp.execute('query-uuid', uuidSchema, {}, signal);
      if (UUID === zoneId) return qmp;
      throw new ConnectError(`the hypervisor in ${controlFolder} runs ${UUID}, not ${zoneId}`, Code.Internal);
    } catch (error) {
      qmp.close();
      throw error;
    }
  }
}

/** A start that failed because QEMU ended: its own words say more than the connection that broke. */
function startError(zoneId: ZoneId, how: string, cause: unknown): ConnectError {
  return new ConnectError(
    `zone ${zoneId} could not be started: ${how}`,
    Code.Internal,
    undefined,
    undefined,
    cause,
  );
}

function recordOf(domain: DomainProcess): DomainRecord {
  const { zoneId, identity, cgroups } = domain;
  return { version: 1, zoneId, ...identity, cgroups: [...cgroups] };
}
