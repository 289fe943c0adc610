import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import type { Bus } from './connection.ts';
import { type CallHooks, collectRoutes } from './router.ts';
import { busServer } from './server.ts';

export interface ServeOptions extends CallHooks {
  readonly interceptors?: Interceptor[];
  /** Semantic version that NATS' micro-service tools show; the first call on a bus decides. */
  readonly version?: string;
}

/** What is being served; disposing of it stops taking calls and waits for those under way. */
export interface Served extends AsyncDisposable {
  /** Names of the methods. */
  readonly methods: readonly string[];
}

/**
 * Serves the methods that `routes` registers at `protect.rpc.<service>.v1.<Method>`, and answers NATS'
 * micro-service questions (PING, INFO, STATS). May be called several times on one bus, with methods of other
 * names. Settles when nats-server knows of them.
 */
export async function serveOnBus(
  bus: Bus,
  routes: (router: ConnectRouter) => void,
  { interceptors = [], version = '0.0.0', contextValues, requestGate }: ServeOptions = {},
): Promise<Served> {
  const server = busServer(bus, version);
  const collected = collectRoutes(routes, interceptors, { contextValues, requestGate });
  const remove = server.add(collected);
  await bus.flush();
  return {
    methods: collected.map(({ spec }) => spec.method.name),
    [Symbol.asyncDispose]: remove,
  };
}
