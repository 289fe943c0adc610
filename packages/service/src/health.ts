import { create } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { CheckResponseSchema, HealthService } from '@protect/proto/health';
import type { EventLoopDelay } from './event-loop-delay.ts';

/** One thing that must be so for the service to do its work. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Why not, and what to do; empty when ok. */
  readonly message: string;
}

export interface HealthSource {
  readonly version: string;
  readonly eventLoopDelay: EventLoopDelay;
  /** The checks of this moment; must not wait for anything. */
  checks(): readonly Check[];
}

/** Answers HealthService/Check; never fails for the service's own reasons. */
export function healthRoutes(source: HealthSource): (router: ConnectRouter) => void {
  return (router) => {
    router.service(HealthService, {
      check() {
        const checks = source.checks();
        return create(CheckResponseSchema, {
          ready: checks.every((check) => check.ok),
          checks: checks.map(({ name, ok, message }) => ({ name, ok, message })),
          version: source.version,
          uptimeMs: BigInt(Math.round(process.uptime() * 1000)),
          eventLoopDelayP99Ms: source.eventLoopDelay.p99Ms(),
        });
      },
    });
  };
}
