import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceName } from '@protect/config/paths';
import type { CheckResponse } from '@protect/proto/health';
import type { HealthStatus } from './system-metrics.ts';

const intervalMs = 10_000;
const services: readonly ServiceName[] = ['daemon', 'storage', 'network', 'orchestrator', 'cri'];

export interface HealthWatchOptions {
  readonly signal: AbortSignal;
  ask(service: ServiceName, signal: AbortSignal): Promise<CheckResponse>;
  onResult(service: ServiceName, status: HealthStatus): void;
}

/** Asks every service for its health, now and every ten seconds. */
export function watchHealth({ signal, ask, onResult }: HealthWatchOptions): {
  readonly ended: Promise<void>;
} {
  async function check(service: ServiceName): Promise<void> {
    let status: HealthStatus;
    try {
      status = (await ask(service, signal)).ready ? 'ok' : 'not_ready';
    } catch {
      // Whatever kept it from answering, to whoever watches the service it was not there.
      status = 'unavailable';
    }
    if (!signal.aborted) onResult(service, status);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(services.map(check));
      await delay(intervalMs, undefined, { signal }).catch(() => {});
    }
  }

  return { ended: run() };
}
