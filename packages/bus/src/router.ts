import type { DescMethod, DescService } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  createMethodImplSpec,
  createServiceImplSpec,
  type Interceptor,
  type MethodImpl,
  type MethodImplSpec,
  type ServiceImpl,
} from '@connectrpc/connect';

/** One method that is served, and what runs around it. */
export interface Route {
  readonly spec: MethodImplSpec;
  readonly interceptors: Interceptor[];
}

/** Collects what `routes` registers. Connect's own router would also prepare three HTTP protocols. */
export function collectRoutes(
  routes: (router: ConnectRouter) => void,
  interceptors: readonly Interceptor[],
): Route[] {
  const collected: Route[] = [];
  const add = (spec: MethodImplSpec, own: readonly Interceptor[] = []) => {
    collected.push({ spec, interceptors: [...interceptors, ...own] });
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
