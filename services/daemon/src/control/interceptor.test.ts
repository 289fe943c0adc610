import { setTimeout as delay } from 'node:timers/promises';
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
} from '@connectrpc/connect';
import { ControlService } from '@protect/proto/control';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { ControlMethods } from './deps.ts';
import { errorInterceptor } from './interceptor.ts';

/** A client, and how the next of its calls ends on the server's side. */
function serving(methods: Partial<ControlMethods>) {
  const outcome = Promise.withResolvers<ConnectError>();
  const watch: Interceptor = (next) => async (request) => {
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: watched(response.message) } : response;
    } catch (error) {
      outcome.resolve(ConnectError.from(error));
      throw error;
    }
  };
  async function* watched<T>(messages: AsyncIterable<T>) {
    try {
      yield* messages;
    } catch (error) {
      outcome.resolve(ConnectError.from(error));
      throw error;
    }
  }
  const transport = createRouterTransport((router) => void router.service(ControlService, methods), {
    router: { interceptors: [watch, errorInterceptor(pino({ level: 'silent' }))] },
  });
  return { client: createClient(ControlService, transport), outcome: outcome.promise };
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

const never = new Promise<never>(() => undefined);

describe('a call whose deadline passes', () => {
  it('ends with DEADLINE_EXCEEDED though its handler goes on', async () => {
    const { client, outcome } = serving({ getHostStatus: () => never });
    const call = client.getHostStatus({}, { timeoutMs: 20 });
    await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(await outcome).toMatchObject({
      code: Code.DeadlineExceeded,
      rawMessage: expect.stringMatching(/^GetHostStatus took longer than the deadline/),
    });
  });

  it('ends so though its handler ends in peace because of it', async () => {
    const { client, outcome } = serving({
      async destroyWorkload(_request, { signal }) {
        await delay(10_000, undefined, { signal }).catch(() => undefined);
        return {};
      },
    });
    const call = client.destroyWorkload({}, { timeoutMs: 20 });
    await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect((await outcome).code).toBe(Code.DeadlineExceeded);
  });

  it.each([
    [
      'waits for something',
      async function* () {
        yield {};
        await never;
      },
    ],
    [
      'heeds its signal',
      async function* (_request: unknown, { signal }: { signal: AbortSignal }) {
        yield {};
        await delay(10_000, undefined, { signal }).catch(() => undefined);
      },
    ],
  ])('ends so in the middle of a stream that %s', async (_title, watchEvents) => {
    const { client, outcome } = serving({ watchEvents });
    const call = drain(client.watchEvents({}, { timeoutMs: 20 }));
    await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect((await outcome).code).toBe(Code.DeadlineExceeded);
  });
});

describe('a stream', () => {
  it('lets go of what its handler holds when the caller goes away', async () => {
    const released = Promise.withResolvers<void>();
    const { client, outcome } = serving({
      async *watchEvents(_request, { signal }) {
        try {
          yield {};
          await delay(10_000, undefined, { signal });
        } finally {
          released.resolve();
        }
      },
    });
    const abort = new AbortController();
    const stream = client.watchEvents({}, { signal: abort.signal })[Symbol.asyncIterator]();
    await stream.next();
    const next = stream.next();
    abort.abort();
    await expect(next).rejects.toMatchObject({ code: Code.Canceled });
    expect((await outcome).code).toBe(Code.Canceled);
    await released.promise;
  });

  it('passes all messages on, and then the error', async () => {
    const { client } = serving({
      async *watchEvents() {
        yield {};
        yield {};
        throw new Error('password=secret');
      },
    });
    let messages = 0;
    const reading = (async () => {
      for await (const _ of client.watchEvents({})) messages += 1;
    })();
    await expect(reading).rejects.toMatchObject({ code: Code.Internal });
    expect(messages).toBe(2);
  });
});
