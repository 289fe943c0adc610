import { createClient } from '@connectrpc/connect';
import { createBusTransport } from '@protect/bus/transport';
import { ImageService, RuntimeService } from '@protect/proto/cri';
import { HealthService } from '@protect/proto/health';
import type { RunningService, ServiceContext } from '@protect/service/run';
import { listenOnUnixSocket } from '@protect/service/unix-listener';
import { version } from '@protect/service/version';
import { readStatus } from './rpc/status.ts';
import { readVersion } from './rpc/version.ts';

/** kubelet asks every five seconds; a service that takes longer than this counts as not there. */
const healthTimeoutMs = 2_000;
const closeGraceMs = 2_000;

/** Builds protect-cri: the Kubernetes CRI on its own socket, told by the health of the other services. */
export async function startCri({ paths, bus }: ServiceContext): Promise<RunningService> {
  const check = (service: 'daemon' | 'network') => {
    const client = createClient(
      HealthService,
      createBusTransport(bus, service, { defaultTimeoutMs: healthTimeoutMs }),
    );
    return () => client.check({});
  };
  const services = { daemon: check('daemon'), network: check('network') };
  const listener = await listenOnUnixSocket({
    path: paths.criSocket,
    // kubelet runs as root; nobody else has business here.
    mode: 0o600,
    routes(router) {
      router.service(RuntimeService, {
        version: () => readVersion(version),
        status: (request) => readStatus(services, request),
      });
      router.service(ImageService, {});
    },
  });
  return {
    checks: () => [],
    [Symbol.asyncDispose]: () => listener.close(closeGraceMs),
  };
}
