import type { Bus } from '@protect/bus/connection';
import { serveOnBus } from '@protect/bus/serve';
import type { DaemonConfig } from '@protect/config/daemon-config';
import type { StatePaths } from '@protect/config/paths';
import { ControlService } from '@protect/proto/control';
import { version } from '@protect/service/version';
import type { Logger } from 'pino';
import { type AuditTrail, startAuditTrail } from './audit/audit-trail.ts';
import { createCallAudit } from './audit/call-audit.ts';
import { busCallValues } from './callers/caller.ts';
import { createCallLimits } from './control/call-limits.ts';
import type { ControlMethods } from './control/deps.ts';
import { controlGate } from './control/gate.ts';
import { errorInterceptor } from './control/interceptor.ts';
import { listen } from './listen.ts';

interface ServeControlOptions {
  readonly methods: ControlMethods;
  readonly config: Pick<DaemonConfig, 'runtime'>;
  readonly paths: Pick<StatePaths, 'daemonSocket'>;
  readonly bus: Bus;
  readonly hostUuid: string;
  readonly logger: Logger;
}

/** The control API as it is served. */
export interface ServedControl extends AsyncDisposable {
  readonly audit: Pick<AuditTrail, 'unpublished'>;
}

/** Serves the control API on all its wires, with the same audit, limits and errors on each. */
export async function serveControl(options: ServeControlOptions): Promise<ServedControl> {
  const { methods, paths, bus, hostUuid, logger } = options;
  const { listen: where, limits } = options.config.runtime;
  await using parts = new AsyncDisposableStack();
  const trail = parts.use(startAuditTrail({ bus, hostUuid, logger }));
  const audit = createCallAudit(trail.record);
  const requestGate = controlGate({ audit, limits: createCallLimits(limits) });
  const interceptors = [audit.interceptor, errorInterceptor(logger)];
  parts.use(
    await serveOnBus(bus, (router) => void router.service(ControlService, methods), {
      interceptors,
      requestGate,
      contextValues: busCallValues,
      version,
    }),
  );
  parts.use(
    await listen({
      path: paths.daemonSocket,
      group: where.group,
      tcp: where.tcp,
      methods,
      interceptors,
      requestGate,
      maxMessageBytes: limits.messageKib * 1024,
      maxConnections: limits.connections,
      logger,
    }),
  );
  const all = parts.move();
  return { audit: trail, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
