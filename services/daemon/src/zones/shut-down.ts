import type { Domain } from '../hypervisor/hypervisor.ts';
import type { IdmLink } from '../idm/link.ts';

/** Time that workloads get between SIGTERM and SIGKILL when their zone is destroyed. */
const workloadGraceMs = 2_000;

/** Time that a zone gets to power itself off. */
const idleGraceMs = 500;

/** Asks a zone to end in order and waits for it, for a short bounded time. */
export async function shutDownZone(
  domain: Pick<Domain, 'ended'>,
  link: Pick<IdmLink, 'connected'>,
  hasWorkloads: boolean,
  signal: AbortSignal,
): Promise<void> {
  const graceMs = hasWorkloads ? workloadGraceMs : 0;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(graceMs + idleGraceMs)]);
  const connection = await link.connected(limit);
  await connection.request({ case: 'shutdown', value: { graceMs } }, { signal: limit });
  const timedOut = Promise.withResolvers<void>();
  limit.addEventListener('abort', () => timedOut.resolve(), { once: true });
  if (!limit.aborted) await Promise.race([domain.ended, timedOut.promise]);
}
