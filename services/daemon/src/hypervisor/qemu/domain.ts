import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { Logger } from 'pino';
import { z } from 'zod';
import { emptyControlFolder } from '../control-folder.ts';
import { settledWithin } from '../deadline.ts';
import type { DomainUsage } from '../domain-usage.ts';
import type { Domain, DomainDisk, DomainEnd } from '../hypervisor.ts';
import { isRunning, kill, type ProcessIdentity } from '../process-identity.ts';
import { moveBalloon, readBalloonMib } from './balloon.ts';
import { removeGroups } from './cgroup.ts';
import { connectControlSocket } from './control-socket.ts';
import { plugCpus } from './cpus.ts';
import { QemuDisks } from './disks.ts';
import type { QmpClient, QmpEvent } from './qmp.ts';
import { readUsage } from './usage.ts';

/** Milliseconds that QEMU has to end by itself before it is killed. */
const quitDeadlineMs = 2_000;

/** Milliseconds for a killed process to be gone. */
const goneDeadlineMs = 10_000;

/** Milliseconds to wait for words on an unexpected end. */
const exitWordsMs = 1_000;

/** Milliseconds between two looks at a process that is ending and not our child. */
const gonePollMs = 5;

const statusSchema = z.looseObject({ status: z.string() });

/** What the driver knows of one machine's process. */
export interface DomainProcess {
  readonly zoneId: ZoneId;
  readonly identity: ProcessIdentity;
  readonly controlFolder: string;
  readonly cgroups: readonly string[];
  /** Bounds what the process may use when the zone has this much memory, MiB. */
  readonly limitMemory: (memoryMib: number) => Promise<void>;
  /** For our own child: settles with words on its end once it is reaped. */
  readonly exited: Promise<string> | undefined;
}

function endOf(event: QmpEvent): DomainEnd | undefined {
  if (event.name === 'GUEST_PANICKED') return { kind: 'crash', message: "the zone's kernel panicked" };
  if (event.name !== 'SHUTDOWN') return undefined;
  switch (event.data.reason) {
    case 'guest-shutdown':
      return { kind: 'poweroff' };
    case 'guest-reset':
      // The zone's init never reboots; a panicking kernel does, by itself.
      return {
        kind: 'crash',
        message: "the zone's kernel restarted the machine: it panicked, see the console",
      };
    case 'guest-panic':
      return { kind: 'crash', message: "the zone's kernel panicked" };
    default:
      return {
        kind: 'lost',
        message: `the hypervisor was ended from outside (${String(event.data.reason)})`,
      };
  }
}

/** Waits until a process that is ending is gone, then frees what was its own on the host. */
export async function reap(domain: DomainProcess, logger: Logger): Promise<void> {
  const deadline = AbortSignal.timeout(goneDeadlineMs);
  if (domain.exited !== undefined) await settledWithin(domain.exited, goneDeadlineMs);
  // There is no event for the end of a process that is not our child.
  while (isRunning(domain.identity) && !deadline.aborted) await delay(gonePollMs);
  if (isRunning(domain.identity)) {
    const text = `the hypervisor of zone ${domain.zoneId} (process ${domain.identity.pid}) does not end`;
    throw new ConnectError(text, Code.DeadlineExceeded);
  }
  await removeGroups(domain.cgroups, logger);
  await emptyControlFolder(domain.controlFolder);
}

/** A machine under QEMU. */
export class QemuDomain implements Domain {
  readonly zoneId: ZoneId;
  readonly domid: number;
  readonly ended: Promise<DomainEnd>;
  readonly #process: DomainProcess;
  readonly #qmp: QmpClient;
  readonly #disks: QemuDisks;
  readonly #logger: Logger;
  readonly #resolveEnded: (end: DomainEnd) => void;
  #ending: Promise<void> | undefined;
  #closed = false;

  constructor(process: DomainProcess, qmp: QmpClient, logger: Logger) {
    this.zoneId = process.zoneId;
    this.domid = process.identity.pid;
    this.#process = process;
    this.#qmp = qmp;
    this.#disks = new QemuDisks(qmp);
    this.#logger = logger.child({ zone: process.zoneId });
    const { promise, resolve } = Promise.withResolvers<DomainEnd>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    qmp.onEvent((event) => {
      const end = endOf(event);
      if (end) this.#endSoon(end);
    });
    void qmp.closed.then((reason) => this.#onQmpClosed(reason));
  }

  /** Sees whether the machine has ended already; call it once after the connection is made. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { status } = await this.#qmp.execute('query-status', statusSchema, {}, signal);
    if (status === 'shutdown') await this.#startEnding({ kind: 'poweroff' });
    if (status === 'guest-panicked')
      await this.#startEnding({
        kind: 'crash',
        message: "the zone's kernel panicked while no daemon was there",
      });
    if (status === 'prelaunch')
      await this.#startEnding({ kind: 'lost', message: 'the start of the zone was cut off' });
  }

  openIdm(signal: AbortSignal): Promise<Duplex> {
    return connectControlSocket(this.#process.controlFolder, 'idm', signal);
  }

  openConsole(signal: AbortSignal): Promise<Duplex> {
    return connectControlSocket(this.#process.controlFolder, 'console', signal);
  }

  attachDisk(disk: DomainDisk, signal: AbortSignal): Promise<void> {
    return this.#disks.attach(disk, signal);
  }

  detachDisk(serial: string, signal: AbortSignal): Promise<void> {
    return this.#disks.detach(serial, signal);
  }

  listDisks(signal: AbortSignal): Promise<readonly string[]> {
    return this.#disks.list(signal);
  }

  async setMemory(memoryMib: number, signal: AbortSignal): Promise<void> {
    const { limitMemory } = this.#process;
    if (memoryMib > (await readBalloonMib(this.#qmp, signal))) await limitMemory(memoryMib);
    await moveBalloon(this.#qmp, memoryMib, signal);
    // A zone that shrinks needs the larger bound on its way; one that takes back what it gave is ended by this one.
    await limitMemory(memoryMib);
  }

  setCpus(cpus: number, signal: AbortSignal): Promise<void> {
    return plugCpus(this.#qmp, cpus, signal);
  }

  usage(signal: AbortSignal): Promise<DomainUsage> {
    return readUsage(this.#process, this.#qmp, signal);
  }

  async pause(signal: AbortSignal): Promise<void> {
    await this.#qmp.execute('stop', z.unknown(), {}, signal);
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.#qmp.execute('cont', z.unknown(), {}, signal);
  }

  async destroy(_signal: AbortSignal): Promise<void> {
    // Not cut off by the signal: half an end would leave the process to nobody.
    await this.#startEnding({ kind: 'lost', message: 'the zone was destroyed' });
  }

  close(): void {
    this.#closed = true;
    this.#qmp.close();
  }

  /** For callers that do not wait: failures are logged. */
  #endSoon(end: DomainEnd): void {
    this.#startEnding(end).catch(() => undefined);
  }

  #startEnding(end: DomainEnd): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    const ending = this.#end();
    this.#ending = ending;
    ending.then(
      () => this.#resolveEnded(end),
      (error: unknown) => {
        this.#ending = undefined;
        this.#logger.error({ err: error }, 'the hypervisor could not be ended');
      },
    );
    return ending;
  }

  async #end(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(quitDeadlineMs);
      await this.#qmp.execute('quit', z.unknown(), {}, signal);
      // QEMU closes its connections as it exits.
      await settledWithin(this.#qmp.closed, quitDeadlineMs);
    } catch (error) {
      this.#logger.debug({ err: error }, 'QEMU did not quit; it is killed');
    }
    kill(this.#process.identity);
    await reap(this.#process, this.#logger);
    this.#qmp.close();
  }

  async #onQmpClosed(reason: string): Promise<void> {
    if (this.#closed || this.#ending !== undefined) return;
    const { exited } = this.#process;
    const how = exited && (await settledWithin(exited, exitWordsMs));
    this.#endSoon({ kind: 'lost', message: how ?? reason });
  }
}
