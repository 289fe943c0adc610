import type { Duplex } from 'node:stream';
import type { ZoneId } from '@protect/config/ids';
import type { Logger } from 'pino';
import { settledWithin } from '../deadline.ts';
import type { DomainUsage } from '../domain-usage.ts';
import type { Domain, DomainDisk, DomainEnd } from '../hypervisor.ts';
import { openXenConsole } from './console.ts';
import { XenDisks } from './disks.ts';
import type { DomainAccounts } from './domain-accounts.ts';
import { domainName } from './domain-config.ts';
import type { ListedDomain, ShutdownReason } from './domain-list.ts';
import { openIdmProxy } from './idm-proxy.ts';
import { OneStream } from './one-stream.ts';
import { type RemoveDeps, removeDomain } from './remove-domain.ts';
import { moveMemory, offerCpus } from './resize.ts';
import { runXl } from './xl.ts';

/** Milliseconds for xl to pause or resume. */
const xlTimeoutMs = 30_000;

/** Milliseconds for the console of a domain that is gone to bring its last words. */
const lastWordsMs = 1_000;

/** What all domains need of the driver. */
export interface DomainDeps extends RemoveDeps {
  readonly logger: Logger;
  readonly accounts: DomainAccounts;
}

function endOf(reason: ShutdownReason): DomainEnd {
  switch (reason) {
    case 'poweroff':
      return { kind: 'poweroff' };
    case 'reboot':
      return { kind: 'reboot' };
    case 'crash':
      return { kind: 'crash', message: "the zone's kernel panicked, see the console" };
    case 'watchdog':
      return { kind: 'crash', message: "the zone's watchdog ran out, see the console" };
    case 'suspend':
    case 'soft-reset':
    case 'unknown':
      return { kind: 'lost', message: `the domain was stopped from outside (${reason})` };
    default:
      return reason satisfies never;
  }
}

/** A domain under Xen. */
export class XenDomain implements Domain {
  readonly zoneId: ZoneId;
  readonly domid: number;
  readonly ended: Promise<DomainEnd>;
  readonly #deps: DomainDeps;
  readonly #logger: Logger;
  readonly #disks: XenDisks;
  readonly #idm: OneStream;
  readonly #console: OneStream;
  readonly #resolveEnded: (end: DomainEnd) => void;
  readonly #unfollow: () => void;
  #ending: Promise<void> | undefined;

  constructor(zoneId: ZoneId, domid: number, deps: DomainDeps) {
    const { tools, store, paths, watch } = deps;
    this.zoneId = zoneId;
    this.domid = domid;
    this.#deps = deps;
    this.#logger = deps.logger.child({ zone: zoneId });
    this.#disks = new XenDisks(
      { domid, name: domainName(zoneId), folder: paths.zoneDisks(zoneId) },
      { tools, store, logger: this.#logger },
    );
    this.#idm = new OneStream('IDM channel', () => openIdmProxy(tools, domid));
    this.#console = new OneStream('console', () => openXenConsole(tools, domid));
    const { promise, resolve } = Promise.withResolvers<DomainEnd>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#unfollow = watch.follow((domains) => {
      // A failure is in the log; the next change among domains tries again.
      this.#take(domains).catch(() => undefined);
    });
  }

  openIdm(signal: AbortSignal): Promise<Duplex> {
    return this.#idm.open(signal);
  }

  openConsole(signal: AbortSignal): Promise<Duplex> {
    return this.#console.open(signal);
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

  setMemory(memoryMib: number, signal: AbortSignal): Promise<void> {
    return moveMemory(this.zoneId, memoryMib, this.#deps, signal);
  }

  setCpus(cpus: number, signal: AbortSignal): Promise<void> {
    return offerCpus(this.zoneId, cpus, this.#deps, signal);
  }

  usage(signal: AbortSignal): Promise<DomainUsage> {
    return this.#deps.accounts.usage(domainName(this.zoneId), this.domid, signal);
  }

  pause(signal: AbortSignal): Promise<void> {
    return this.#xl('pause', 'paused', signal);
  }

  resume(signal: AbortSignal): Promise<void> {
    return this.#xl('unpause', 'resumed', signal);
  }

  async destroy(_signal: AbortSignal): Promise<void> {
    // Not cut off by the signal: half an end would leave the domain to nobody.
    await this.end({ kind: 'lost', message: 'the zone was destroyed' });
  }

  /** Removes the domain and gives `reason` for it, unless it is ending already. */
  end(reason: DomainEnd): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    const ending = this.#remove();
    this.#ending = ending;
    ending.then(
      () => {
        this.#unfollow();
        this.#resolveEnded(reason);
      },
      (error: unknown) => {
        this.#ending = undefined;
        this.#logger.error({ err: error }, 'the domain could not be removed');
      },
    );
    return ending;
  }

  /** Sees whether the domain has stopped or gone already; its end has come when this settles. */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#take(await this.#deps.watch.look(signal));
  }

  close(): void {
    this.#unfollow();
    void this.#idm.close();
    void this.#console.close();
  }

  async #take(domains: readonly ListedDomain[]): Promise<void> {
    const domain = domains.find(({ uuid, domid }) => uuid === this.zoneId && domid === this.domid);
    if (domain?.shutdown !== undefined) await this.end(endOf(domain.shutdown));
    else if (domain === undefined || domain.dying) {
      await this.end({ kind: 'lost', message: 'the domain was destroyed from outside' });
    }
  }

  async #remove(): Promise<void> {
    // Who holds pages of a domain keeps it from going.
    await Promise.all([this.#disks.close(), this.#idm.close()]);
    await removeDomain(this.zoneId, this.#deps, this.domid);
    await settledWithin(this.#console.ended(), lastWordsMs);
    await this.#console.close();
  }

  async #xl(command: 'pause' | 'unpause', done: string, signal: AbortSignal): Promise<void> {
    await runXl(this.#deps.tools.xl, [command, domainName(this.zoneId)], {
      failure: `zone ${this.zoneId} cannot be ${done}`,
      timeoutMs: xlTimeoutMs,
      signal,
    });
  }
}
