import { Code, ConnectError } from '@connectrpc/connect';
import { createLocks } from '@protect/service/locks';
import type { Logger } from 'pino';
import type { DomainDisk } from '../hypervisor.ts';
import { blockDevice, physicalDevice } from './block-device.ts';
import type { XenTools } from './dom0.ts';
import { diskSpecification } from './domain-config.ts';
import { createGate } from './gate.ts';
import { freeLoops, loopsIn } from './loop-devices.ts';
import { diskBackendNode, serialNode, serialsNode } from './nodes.ts';
import { diskIndex, diskName, disksMax } from './virtual-disk.ts';
import type { Xenstore } from './xenstore.ts';
import { runXl } from './xl.ts';

/** Milliseconds for xl to plug a disk in, or out without asking the zone. */
const changeTimeoutMs = 30_000;

/** Milliseconds for the zone to let go of a disk; libxl itself gives it ten seconds. */
const releaseTimeoutMs = 20_000;

/** Changes of one domain at the same time: each is a few processes, and libxl takes turns anyway. */
const changesMax = 4;

const serialPattern = /^[A-Za-z0-9_-]{1,20}$/;

/** A domain whose disks are to be changed. */
export interface DiskOwner {
  readonly domid: number;
  /** The name that only this domain has, so that xl never touches another with its number. */
  readonly name: string;
  /** The folder that all of its disks are in. */
  readonly folder: string;
}

/** What the disks of a domain need of the driver. */
export interface DiskDeps {
  readonly tools: XenTools;
  readonly store: Xenstore;
  readonly logger: Logger;
}

/** A disk of the domain, or what an unfinished change left of one. */
interface Slot {
  readonly index: number;
  readonly device: string | undefined;
  readonly whole: boolean;
}

/** INVALID_ARGUMENT for a serial that the zone could not be told. */
export function checkSerial(serial: string): void {
  if (serialPattern.test(serial)) return;
  const text = `disk serial ${JSON.stringify(serial)} is not 1 to 20 letters, digits, "-" or "_"`;
  throw new ConnectError(text, Code.InvalidArgument);
}

/** The disks of one domain; what it has already is read from xenstore once. */
export class XenDisks {
  readonly #owner: DiskOwner;
  readonly #deps: DiskDeps;
  readonly #serials = createLocks();
  readonly #gate = createGate(changesMax);
  readonly #stop = new AbortController();
  readonly #changes = new Set<Promise<void>>();
  #slots: Promise<Map<string, Slot>> | undefined;

  constructor(owner: DiskOwner, deps: DiskDeps) {
    this.#owner = owner;
    this.#deps = deps;
  }

  /** Serials of all disks that the domain has, as xenstore tells. */
  async list(signal: AbortSignal): Promise<string[]> {
    signal.throwIfAborted();
    return [...(await this.#read())].filter(([, { whole }]) => whole).map(([serial]) => serial);
  }

  /** Plugs a disk in; one that is there already is left as it is. */
  async attach(disk: DomainDisk, signal: AbortSignal): Promise<void> {
    const { serial } = disk;
    checkSerial(serial);
    await this.#change(serial, signal, async (slots, cancel) => {
      const left = slots.get(serial);
      if (left?.whole) return;
      if (left !== undefined) await this.#remove(serial, left, slots);
      const index = freeIndex(slots);
      slots.set(serial, { index, device: undefined, whole: false });
      try {
        const device = await blockDevice(this.#deps.tools.losetup, disk);
        slots.set(serial, { index, device, whole: false });
        await this.#plug(disk, index, device, cancel);
        slots.set(serial, { index, device, whole: true });
      } catch (error) {
        await this.#undo(serial, slots);
        throw error;
      }
    });
  }

  /** Unplugs a disk, by force where the zone does not let go of it, and closes its file. */
  async detach(serial: string, signal: AbortSignal): Promise<void> {
    checkSerial(serial);
    await this.#change(serial, signal, async (slots) => {
      const slot = slots.get(serial);
      // From here to the end, whether or not somebody waits: half a disk is of no use.
      if (slot !== undefined) await this.#remove(serial, slot, slots);
    });
  }

  /** Ends what can be ended and refuses what comes later; settles when nothing is under way. */
  async close(): Promise<void> {
    this.#stop.abort(new ConnectError('the zone has ended', Code.Unavailable));
    await Promise.allSettled(this.#changes);
  }

  async #change(
    serial: string,
    signal: AbortSignal,
    act: (slots: Map<string, Slot>, cancel: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const cancel = AbortSignal.any([signal, this.#stop.signal]);
    const change = this.#serials.exclusive(serial, () =>
      this.#gate(async () => {
        cancel.throwIfAborted();
        await act(await this.#load(), cancel);
      }),
    );
    this.#changes.add(change);
    try {
      await change;
    } finally {
      this.#changes.delete(change);
    }
  }

  async #plug(disk: DomainDisk, index: number, device: string, signal: AbortSignal): Promise<void> {
    const { tools, store } = this.#deps;
    const { domid, name } = this.#owner;
    // The zone looks for it as soon as the disk appears.
    await store.write([[serialNode(domid, index), disk.serial]]);
    const specification = diskSpecification({ index, device, readOnly: disk.readOnly });
    await runXl(tools.xl, ['block-attach', name, specification], {
      failure: `disk ${disk.serial} cannot be plugged in`,
      timeoutMs: changeTimeoutMs,
      signal,
    });
    await store.write([[`${diskBackendNode(domid, index)}/physical-device`, await physicalDevice(device)]]);
  }

  async #undo(serial: string, slots: Map<string, Slot>): Promise<void> {
    const slot = slots.get(serial);
    try {
      if (slot !== undefined) await this.#remove(serial, slot, slots);
    } catch (error) {
      // The next change of this disk tries again, and the domain's end frees everything.
      const text = 'a disk that could not be plugged in is not quite gone';
      this.#deps.logger.warn({ err: error, disk: serial }, text);
    }
  }

  /** Takes out all that there is of a disk; a whole one by agreement with the zone, if it agrees. */
  async #remove(serial: string, slot: Slot, slots: Map<string, Slot>): Promise<void> {
    const { tools, store } = this.#deps;
    const { domid, folder } = this.#owner;
    const { index, device, whole } = slot;
    slots.set(serial, { index, device, whole: false });
    const agreed = whole && (await this.#released(serial, index));
    const isThere = !agreed && (await store.read(`${diskBackendNode(domid, index)}/params`)) !== undefined;
    if (isThere) await this.#unplug(serial, index, 'by force');
    await store.remove(serialNode(domid, index));
    await freeLoops(
      tools.losetup,
      (await loopsIn(folder)).filter((loop) => loop.device === device),
    );
    slots.delete(serial);
  }

  async #released(serial: string, index: number): Promise<boolean> {
    try {
      await this.#unplug(serial, index, 'by agreement');
      return true;
    } catch (error) {
      const text = 'the zone does not let go of a disk; it is taken away';
      this.#deps.logger.info({ err: error, disk: serial }, text);
      return false;
    }
  }

  async #unplug(serial: string, index: number, how: 'by agreement' | 'by force'): Promise<void> {
    const force = how === 'by force';
    const args = ['block-detach', ...(force ? ['--force'] : []), this.#owner.name, diskName(index)];
    await runXl(this.#deps.tools.xl, args, {
      failure: `disk ${serial} cannot be unplugged ${how}`,
      timeoutMs: force ? changeTimeoutMs : releaseTimeoutMs,
    });
  }

  #load(): Promise<Map<string, Slot>> {
    if (this.#slots === undefined) {
      const slots = this.#readAndSweep();
      slots.catch(() => {
        this.#slots = undefined;
      });
      this.#slots = slots;
    }
    return this.#slots;
  }

  /** Frees loop devices that a daemon set up and could not plug in before it died. */
  async #readAndSweep(): Promise<Map<string, Slot>> {
    const slots = await this.#read();
    const used = new Set([...slots.values()].map(({ device }) => device));
    const loops = await loopsIn(this.#owner.folder);
    await freeLoops(
      this.#deps.tools.losetup,
      loops.filter(({ device }) => !used.has(device)),
    );
    return slots;
  }

  async #read(): Promise<Map<string, Slot>> {
    const { store } = this.#deps;
    const { domid } = this.#owner;
    const slots = new Map<string, Slot>();
    for (const devid of await store.list(serialsNode(domid))) {
      const index = diskIndex(Number(devid));
      if (index === undefined) continue;
      const backend = diskBackendNode(domid, index);
      const [serial, device, number] = await Promise.all([
        store.read(serialNode(domid, index)),
        store.read(`${backend}/params`),
        store.read(`${backend}/physical-device`),
      ]);
      if (serial !== undefined) slots.set(serial, { index, device, whole: number !== undefined });
    }
    return slots;
  }
}

function freeIndex(slots: ReadonlyMap<string, Slot>): number {
  const taken = new Set([...slots.values()].map(({ index }) => index));
  for (let index = 0; index < disksMax; index++) if (!taken.has(index)) return index;
  throw new ConnectError(`the zone has ${disksMax} disks already`, Code.ResourceExhausted);
}
