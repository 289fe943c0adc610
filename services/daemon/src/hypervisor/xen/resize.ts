import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { XenTools } from './dom0.ts';
import { domainName } from './domain-config.ts';
import type { DomainWatch } from './domain-watch.ts';
import { runXl } from './xl.ts';

const xlTimeoutMs = 30_000;

/** Milliseconds for a zone to give memory back, or to take it. */
const balloonDeadlineMs = 30_000;

/** Milliseconds between two looks: Xen has no event for it, and each look is a process. */
const lookMs = 250;

/** What is needed to change a domain's size. */
export interface ResizeDeps {
  readonly tools: Pick<XenTools, 'xl'>;
  readonly watch: Pick<DomainWatch, 'look'>;
}

/**
 * Says how much memory the domain shall have, which Xen does not let it go beyond from then on, and waits until it has that
 * much. DEADLINE_EXCEEDED when it does not give or take it.
 */
export async function moveMemory(
  zoneId: ZoneId,
  memoryMib: number,
  { tools, watch }: ResizeDeps,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + balloonDeadlineMs;
  await runXl(tools.xl, ['mem-set', domainName(zoneId), `${memoryMib}m`], {
    failure: `zone ${zoneId} cannot have ${memoryMib} MiB of memory`,
    timeoutMs: xlTimeoutMs,
    signal,
  });
  for (;;) {
    const listed = (await watch.look(signal)).find(({ uuid }) => uuid === zoneId);
    if (listed === undefined) throw new ConnectError(`zone ${zoneId} has ended`, Code.Unavailable);
    // The list rounds down.
    if (Math.abs(listed.memoryMib - memoryMib) <= 1) return;
    if (performance.now() > until) {
      const text = `the zone has ${listed.memoryMib} MiB of memory still, not ${memoryMib} MiB; its balloon goes on`;
      throw new ConnectError(text, Code.DeadlineExceeded);
    }
    await delay(lookMs, undefined, { signal });
  }
}

/** Tells the domain how many of its CPUs it may use; its kernel lets go of the others, the last ones first. */
export async function offerCpus(
  zoneId: ZoneId,
  cpus: number,
  { tools }: Pick<ResizeDeps, 'tools'>,
  signal: AbortSignal,
): Promise<void> {
  await runXl(tools.xl, ['vcpu-set', domainName(zoneId), String(cpus)], {
    failure: `zone ${zoneId} cannot have ${cpus} CPUs`,
    timeoutMs: xlTimeoutMs,
    signal,
  });
}
