import { stat } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { z } from 'zod';
import { withDeadline } from '../deadline.ts';
import type { DomainDisk } from '../hypervisor.ts';
import { type QmpClient, QmpError } from './qmp.ts';

/** Disks on the one controller of a zone. */
export const disksMax = 255;

/** Milliseconds for QEMU to let go of an unplugged disk. */
const unplugDeadlineMs = 10_000;

const serialPattern = /^[A-Za-z0-9_-]{1,20}$/;
const devicePattern = /^lun(\d{1,3})-([A-Za-z0-9_-]{1,20})$/;
const nodePattern = /^disk-([A-Za-z0-9_-]{1,20})$/;
const devicesSchema = z.array(z.looseObject({ name: z.string() }));
const nodesSchema = z.array(z.looseObject({ 'node-name': z.string().optional() }));

interface PluggedDisk {
  readonly serial: string;
  readonly lun: number;
}

function deviceId({ serial, lun }: PluggedDisk): string {
  return `lun${lun}-${serial}`;
}

function nodeName(serial: string): string {
  return `disk-${serial}`;
}

function checkSerial(serial: string): void {
  if (serialPattern.test(serial)) return;
  const text = `disk serial ${JSON.stringify(serial)} is not 1 to 20 letters, digits, "-" or "_"`;
  throw new ConnectError(text, Code.InvalidArgument);
}

/** What a machine has. */
interface Held {
  /** Slots by serial, those of disks being plugged in included. */
  readonly luns: Map<string, number>;
  /** Serials of files that are open without a disk. */
  readonly orphans: Set<string>;
}

/** The disks of one machine; what QEMU holds already, from an earlier daemon, is read from it once. */
export class QemuDisks {
  readonly #qmp: QmpClient;
  #held: Promise<Held> | undefined;
  /** Serials whose last change was cut off, so that only QEMU knows how they are. */
  readonly #uncertain = new Set<string>();
  /** The last change of each disk: one at a time. */
  readonly #changes = new Map<string, Promise<void>>();
  readonly #deleted = new Map<string, () => void>();

  constructor(qmp: QmpClient) {
    this.#qmp = qmp;
    qmp.onEvent(({ name, data }) => {
      if (name === 'DEVICE_DELETED' && typeof data.device === 'string') this.#deleted.get(data.device)?.();
    });
  }

  /** Serials of all disks that the zone sees, as QEMU tells. */
  async list(signal: AbortSignal): Promise<string[]> {
    return [...(await this.#readDevices(signal)).keys()];
  }

  /** Plugs a disk in; one that is there already is left as it is. */
  async attach(disk: DomainDisk, signal: AbortSignal): Promise<void> {
    checkSerial(disk.serial);
    await this.#oneAtATime(disk.serial, async (held) => {
      if (held.luns.has(disk.serial)) return;
      const lun = freeLun(held.luns);
      held.luns.set(disk.serial, lun);
      try {
        await this.#addNode(disk, held, signal);
        await this.#addDevice({ serial: disk.serial, lun }, held, signal);
      } catch (error) {
        if (isRefusal(error)) held.luns.delete(disk.serial);
        throw error;
      }
    });
  }

  /** Unplugs a disk and closes its file. */
  async detach(serial: string, signal: AbortSignal): Promise<void> {
    checkSerial(serial);
    await this.#oneAtATime(serial, async (held) => {
      const lun = held.luns.get(serial);
      if (lun !== undefined) {
        await this.#unplug({ serial, lun }, signal);
        held.luns.delete(serial);
        held.orphans.add(serial);
      }
      await this.#closeOrphan(serial, held, signal);
    });
  }

  async #unplug(disk: PluggedDisk, signal: AbortSignal): Promise<void> {
    const id = deviceId(disk);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#deleted.set(id, resolve);
    try {
      await this.#execute('device_del', { id }, signal);
      await withDeadline(promise, `to let go of disk ${disk.serial}`, unplugDeadlineMs, signal);
    } finally {
      this.#deleted.delete(id);
    }
  }

  async #addNode(disk: DomainDisk, held: Held, signal: AbortSignal): Promise<void> {
    await this.#closeOrphan(disk.serial, held, signal);
    try {
      // One that cannot be looked at is for QEMU to say: it opens the path itself.
      const isDevice = await stat(disk.path).then(
        (found) => found.isBlockDevice(),
        () => false,
      );
      await this.#execute('blockdev-add', nodeArguments(disk, isDevice), signal);
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      const text = `disk ${disk.serial}: the zone's hypervisor cannot open ${disk.path}: ${error.message}`;
      throw new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
    }
  }

  async #addDevice(disk: PluggedDisk, held: Held, signal: AbortSignal): Promise<void> {
    held.orphans.add(disk.serial);
    try {
      await this.#execute('device_add', deviceArguments(disk), signal);
    } catch (error) {
      if (error instanceof QmpError) await this.#closeOrphan(disk.serial, held, signal);
      throw error;
    }
    held.orphans.delete(disk.serial);
  }

  async #closeOrphan(serial: string, held: Held, signal: AbortSignal): Promise<void> {
    if (!held.orphans.has(serial)) return;
    await this.#execute('blockdev-del', { 'node-name': nodeName(serial) }, signal);
    held.orphans.delete(serial);
  }

  async #execute(
    command: string,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#qmp.execute(command, z.unknown(), args, signal);
  }

  #load(): Promise<Held> {
    if (!this.#held) {
      const held = this.#read(new AbortController().signal);
      held.catch(() => {
        this.#held = undefined;
      });
      this.#held = held;
    }
    return this.#held;
  }

  async #read(signal: AbortSignal): Promise<Held> {
    const luns = await this.#readDevices(signal);
    const nodes = await this.#qmp.execute('query-named-block-nodes', nodesSchema, { flat: true }, signal);
    const serials = nodes.flatMap((node) => nodePattern.exec(node['node-name'] ?? '')?.[1] ?? []);
    return { luns, orphans: new Set(serials.filter((serial) => !luns.has(serial))) };
  }

  /** What is known of one disk, asked again when its last change was cut off. */
  async #settle(serial: string): Promise<Held> {
    const held = await this.#load();
    if (!this.#uncertain.has(serial)) return held;
    const now = await this.#read(new AbortController().signal);
    const lun = now.luns.get(serial);
    if (lun === undefined) held.luns.delete(serial);
    else held.luns.set(serial, lun);
    if (now.orphans.has(serial)) held.orphans.add(serial);
    else held.orphans.delete(serial);
    this.#uncertain.delete(serial);
    return held;
  }

  async #readDevices(signal: AbortSignal): Promise<Map<string, number>> {
    const devices = await this.#qmp.execute(
      'qom-list',
      devicesSchema,
      { path: '/machine/peripheral' },
      signal,
    );
    const luns = new Map<string, number>();
    for (const { name } of devices) {
      const [, lun, serial] = devicePattern.exec(name) ?? [];
      if (lun !== undefined && serial !== undefined) luns.set(serial, Number(lun));
    }
    return luns;
  }

  async #oneAtATime(serial: string, act: (held: Held) => Promise<void>): Promise<void> {
    const before = this.#changes.get(serial) ?? Promise.resolve();
    const change = before.then(async () => {
      const held = await this.#settle(serial);
      try {
        await act(held);
      } catch (error) {
        // QEMU's own refusals are certain; all else may have happened after all.
        if (!isRefusal(error)) this.#uncertain.add(serial);
        throw error;
      }
    });
    const settled = change.catch(() => undefined);
    this.#changes.set(serial, settled);
    try {
      await change;
    } finally {
      if (this.#changes.get(serial) === settled) this.#changes.delete(serial);
    }
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof QmpError || (error instanceof ConnectError && error.cause instanceof QmpError);
}

function freeLun(luns: ReadonlyMap<string, number>): number {
  const taken = new Set(luns.values());
  for (let lun = 0; lun < disksMax; lun++) if (!taken.has(lun)) return lun;
  throw new ConnectError(`the zone has ${disksMax} disks already`, Code.ResourceExhausted);
}

function nodeArguments(disk: DomainDisk, isDevice: boolean): Readonly<Record<string, unknown>> {
  return {
    driver: 'raw',
    'node-name': nodeName(disk.serial),
    'read-only': disk.readOnly,
    discard: disk.readOnly ? 'ignore' : 'unmap',
    file: { driver: isDevice ? 'host_device' : 'file', filename: disk.path, aio: 'threads' },
  };
}

function deviceArguments(disk: PluggedDisk): Readonly<Record<string, unknown>> {
  return {
    driver: 'scsi-hd',
    id: deviceId(disk),
    bus: 'scsi0.0',
    lun: disk.lun,
    drive: nodeName(disk.serial),
    serial: disk.serial,
    // A full or broken host disk is the zone's I/O error; the default would stop the machine.
    werror: 'report',
    rerror: 'report',
  };
}
