import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceName } from '@protect/config/paths';
import type { CheckResponse } from '@protect/proto/health';
import type { HealthStatus } from './system-metrics.ts';

const intervalMs = 10_000;
const services: readonly ServiceName[] = ['daemon', 'storage', 'network', 'orchestrator', 'cri'];

export interface HealthWatchOptions {
  readonly signal: AbortSignal;
  ask(service: ServiceName, signal: AbortSignal): Promise<CheckResponse>;
  /** `answer` is there when the service answered. */
  onResult(service: ServiceName, status: HealthStatus, answer: CheckResponse | undefined): void;
}

/** Asks every service for its health, now and every ten seconds. */
export function watchHealth({ signal, ask, onResult }: HealthWatchOptions): {
  readonly ended: Promise<void>;
} {
  async function check(service: ServiceName): Promise<void> {
    // Whatever kept it from answering, to whoever watches the service it was not there.
    const answer = await ask(service, signal).catch(() => undefined);
    const status = answer === undefined ? 'unavailable' : answer.ready ? 'ok' : 'not_ready';
    if (!signal.aborted) onResult(service, status, answer);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(services.map(check));
      await delay(intervalMs, undefined, { signal }).catch(() => {});
    }
  }

  return { ended: run() };
}
