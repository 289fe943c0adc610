import type { DescMethod, DescService } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  type ContextValues,
  createMethodImplSpec,
  createServiceImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImpl,
  type MethodImplSpec,
  type ServiceImpl,
} from '@connectrpc/connect';
import type { BusUser } from './subjects.ts';

/** What runs around every call. */
export interface CallHooks {
  /** Values for handlers and interceptors. `caller` is whose inbox the call is answered in. */
  readonly contextValues?: ((caller: BusUser | undefined) => ContextValues) | undefined;
  /** Runs before the request is decoded; what it throws is the call's answer. */
  readonly requestGate?: ((context: HandlerContext) => void) | undefined;
}

/** One method that is served, and what runs around it. */
export interface Route extends CallHooks {
  readonly spec: MethodImplSpec;
  readonly interceptors: Interceptor[];
}

/** Collects what `routes` registers. Connect's own router would also prepare three HTTP protocols. */
export function collectRoutes(
  routes: (router: ConnectRouter) => void,
  interceptors: readonly Interceptor[],
  hooks: CallHooks = {},
): Route[] {
  const collected: Route[] = [];
  const add = (spec: MethodImplSpec, own: readonly Interceptor[] = []) => {
    collected.push({ ...hooks, spec, interceptors: [...interceptors, ...own] });
  };
  const router: ConnectRouter = {
    handlers: [],
    service<T extends DescService>(
      service: T,
      implementation: Partial<ServiceImpl<T>>,
      options?: { interceptors?: Interceptor[] },
    ) {
      const { methods } = createServiceImplSpec(service, implementation);
      for (const spec of Object.values(methods)) add(spec, options?.interceptors);
      return router;
    },
    rpc<M extends DescMethod>(
      method: M,
      implementation: MethodImpl<M>,
      options?: { interceptors?: Interceptor[] },
    ) {
      add(createMethodImplSpec(method, implementation), options?.interceptors);
      return router;
    },
  };
  routes(router);
  return collected;
}
