import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { EchoService } from './echo-service.ts';

/** What happened to a handler's signal. */
export interface Interrupted {
  readonly method: string;
  readonly reason: unknown;
}

export interface EchoOptions {
  /** Told when a handler begins. */
  readonly onStart?: (context: HandlerContext) => void;
  /** Told when a handler's signal fires before it has returned. */
  readonly onInterrupt?: (interrupted: Interrupted) => void;
  /** Told of each message that Repeat has sent. */
  readonly onSent?: (count: number) => void;
}

const end = new TextEncoder().encode('end');

/** Echo answers its message; Hang waits for its signal; Repeat sends its message without end. */
export function echoRoutes(options: EchoOptions = {}) {
  const begin = (context: HandlerContext) => {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    const onAbort = () => {
      options.onInterrupt?.({ method: context.method.name, reason: context.signal.reason });
      reject(context.signal.reason);
    };
    context.signal.addEventListener('abort', onAbort);
    options.onStart?.(context);
    return { interrupted: promise, done: () => context.signal.removeEventListener('abort', onAbort) };
  };
  return (router: ConnectRouter) =>
    void router.service(EchoService, {
      echo: ({ value }) => ({ value }),
      hang: (_request, context) => begin(context).interrupted,
      async *repeat({ value }, context) {
        begin(context);
        for (let count = 1; ; count += 1) {
          yield { value };
          options.onSent?.(count);
        }
      },
      async collect(requests) {
        const values: Uint8Array[] = [];
        for await (const { value } of requests) values.push(value);
        return { value: Buffer.concat(values) };
      },
      async *talk(requests, context) {
        const { done } = begin(context);
        for await (const { value } of requests) {
          if (Buffer.compare(value, end) === 0) break;
          yield { value };
        }
        done();
      },
    });
}
