import { Code, ConnectError } from '@connectrpc/connect';
import { withDeadline } from '../deadline.ts';
import type { DomainUsage } from '../domain-usage.ts';
import type { XenTools } from './dom0.ts';
import {
  type ListedClaim,
  type ListedMemory,
  type ListedVcpu,
  parseClaims,
  parseTop,
  parseVcpuList,
} from './domain-tables.ts';
import { runXl } from './xl.ts';

/** How long a reading serves all who ask once it is there, ms: three programs are run for it. */
const freshMs = 1_000;

/** Milliseconds for one of the programs. */
const toolTimeoutMs = 10_000;

/** Milliseconds for a reading, one under way before it included. */
const readDeadlineMs = 20_000;

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** All domains of the host at one moment. */
export interface DomainTables {
  readonly vcpus: readonly ListedVcpu[];
  readonly memory: readonly ListedMemory[];
  readonly claims: readonly ListedClaim[];
}

/** Asks Xen; with several programs, since none of them tells all. */
export async function readDomainTables({
  xl,
  xentop,
}: Pick<XenTools, 'xl' | 'xentop'>): Promise<DomainTables> {
  const failure = 'Xen does not tell what its domains use';
  const ask = (program: string, ...args: string[]) =>
    runXl(program, args, { failure, timeoutMs: toolTimeoutMs });
  const [vcpus, memory, claims] = await Promise.all([
    ask(xl, 'vcpu-list'),
    ask(xentop, '-b', '-f', '-i', '1'),
    ask(xl, 'claims'),
  ]);
  return { vcpus: parseVcpuList(vcpus), memory: parseTop(memory), claims: parseClaims(claims) };
}

/** What Xen counts of each domain. */
export interface DomainAccounts {
  /** NOT_FOUND when Xen has no such domain. */
  usage(name: string, domid: number, signal: AbortSignal): Promise<DomainUsage>;
}

/** `read` asks for all domains; however many callers there are, it is asked again a second after it has answered. */
export function createDomainAccounts(read: () => Promise<DomainTables>): DomainAccounts {
  let reading: { readonly tables: Promise<DomainTables>; doneAtMs: number } | undefined;

  function tables(): Promise<DomainTables> {
    if (reading !== undefined && performance.now() - reading.doneAtMs < freshMs) return reading.tables;
    const began = { tables: read(), doneAtMs: Number.POSITIVE_INFINITY };
    reading = began;
    began.tables.then(
      () => {
        began.doneAtMs = performance.now();
      },
      () => {
        // The next one who asks tries again.
        if (reading === began) reading = undefined;
      },
    );
    return began.tables;
  }

  return {
    async usage(name, domid, signal) {
      const seen = await withDeadline(tables(), 'to count what its domains use', readDeadlineMs, signal);
      return usageOf(seen, name, domid);
    },
  };
}

/** One domain's part. NOT_FOUND when it is not among them. */
export function usageOf({ vcpus, memory, claims }: DomainTables, name: string, domid: number): DomainUsage {
  const own = vcpus.filter((vcpu) => vcpu.name === name && vcpu.domid === domid);
  const has = memory.find((one) => one.name === name);
  if (own.length === 0 || has === undefined) {
    throw new ConnectError(`Xen has no domain ${name} with the number ${domid} any more`, Code.NotFound);
  }
  const claim = claims.find((one) => one.name === name && one.domid === domid);
  return {
    cpuSeconds: own.reduce((sum, { seconds }) => sum + seconds, 0),
    vcpus: own
      .filter(({ processor }) => processor !== undefined)
      .map(({ vcpu, seconds }) => ({ cpu: vcpu, seconds })),
    memoryMaxBytes: (has.maxKib ?? has.totalKib) * kibibyte,
    memoryTotalBytes: has.totalKib * kibibyte,
    memoryOutstandingBytes: (claim?.outstandingMib ?? 0) * mebibyte,
  };
}
