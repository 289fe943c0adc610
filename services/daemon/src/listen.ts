import type { Interceptor } from '@connectrpc/connect';
import { ControlService } from '@protect/proto/control';
import { listenOnUnixSocket } from '@protect/service/unix-listener';
import type { ControlMethods } from './control/deps.ts';

/** Root and its group may connect: whoever can, can do anything with zones. */
const socketMode = 0o660;

/** Time for calls under way when the daemon ends. */
const graceMs = 2_000;

export interface ListenOptions {
  readonly path: string;
  readonly methods: ControlMethods;
  readonly interceptors: Interceptor[];
}

/** Serves the control API on its unix socket: Connect, gRPC and gRPC-Web. */
export async function listen({ path, methods, interceptors }: ListenOptions): Promise<AsyncDisposable> {
  const listener = await listenOnUnixSocket({
    path,
    mode: socketMode,
    routes: (router) => void router.service(ControlService, methods),
    interceptors,
  });
  return { [Symbol.asyncDispose]: () => listener.close(graceMs) };
}
