import { createClient, type HandlerContext } from '@connectrpc/connect';
import type { Bus } from '../src/connection.ts';
import { serveOnBus } from '../src/serve.ts';
import { createBusTransport } from '../src/transport.ts';
import { echoRoutes, type Interrupted } from './echo-handlers.ts';
import { EchoService } from './echo-service.ts';
import { openStand, type Stand } from './stand.ts';

/** A stand on which protect-storage serves EchoService and protect-daemon calls it. */
export interface EchoStand extends AsyncDisposable {
  readonly stand: Stand;
  readonly storage: Bus;
  readonly daemon: Bus;
  readonly client: ReturnType<typeof echoClient>;
  /** Messages that Repeat has sent so far. */
  readonly sent: number;
  /** Settles when `count` more handlers have begun. */
  started(count?: number): Promise<HandlerContext>;
  /** Settles when the next handler's signal has fired. */
  interrupted(): Promise<Interrupted>;
}

export function echoClient(bus: Bus) {
  return createClient(EchoService, createBusTransport(bus, 'storage', { defaultTimeoutMs: 20_000 }));
}

export async function openEchoStand(): Promise<EchoStand> {
  const stand = await openStand();
  const [storage, daemon] = await Promise.all([stand.connect('storage'), stand.connect('daemon')]);
  let sent = 0;
  let onStart = (_context: HandlerContext) => {};
  let onInterrupt = (_interrupted: Interrupted) => {};
  await serveOnBus(
    storage,
    echoRoutes({
      onStart: (context) => onStart(context),
      onInterrupt: (interrupted) => onInterrupt(interrupted),
      onSent: () => {
        sent += 1;
      },
    }),
  );
  return {
    stand,
    storage,
    daemon,
    client: echoClient(daemon),
    get sent() {
      return sent;
    },
    started(count = 1) {
      const { promise, resolve } = Promise.withResolvers<HandlerContext>();
      let left = count;
      onStart = (context) => {
        left -= 1;
        if (left === 0) resolve(context);
      };
      return promise;
    },
    interrupted() {
      const { promise, resolve } = Promise.withResolvers<Interrupted>();
      onInterrupt = resolve;
      return promise;
    },
    [Symbol.asyncDispose]: () => stand[Symbol.asyncDispose](),
  };
}

/** A caller that says nothing, and that it has nothing to say. */
export async function* silent(): AsyncGenerator<{ value: Uint8Array }> {}

/** A caller that says nothing and stays. */
export async function* never(): AsyncGenerator<{ value: Uint8Array }> {
  await new Promise(() => {});
}
