import { Code, type ConnectError, type Interceptor } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { abortError, toCallError } from './call-error.ts';

/**
 * Ends every call when its caller goes away or its deadline passes, maps every error once, and logs those that
 * are the daemon's own fault.
 */
export function errorInterceptor(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const { signal } = request;
    const method = request.method.name;
    const message = request.stream ? undefined : request.message;
    const funnel = (thrown: unknown): ConnectError => {
      const mapped = toCallError(thrown, method, signal);
      if (mapped.code === Code.Internal) {
        logger.error({ err: thrown, method, ...subject(message) }, 'a call failed');
      } else {
        logger.debug({ code: Code[mapped.code], message: mapped.rawMessage, method }, 'a call was refused');
      }
      return mapped;
    };
    const call = abortable(method, signal);
    try {
      const response = await call.untilAborted(() => next(request));
      if (!response.stream) return response;
      return { ...response, message: follow(response.message, abortable(method, signal), funnel) };
    } catch (error) {
      throw funnel(error);
    } finally {
      call.forget();
    }
  };
}

async function* follow<T>(
  messages: AsyncIterable<T>,
  call: Abortable,
  funnel: (thrown: unknown) => ConnectError,
) {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    while (true) {
      const { done, value } = await call.untilAborted(() => iterator.next());
      if (done === true) return;
      yield value;
    }
  } catch (error) {
    throw funnel(error);
  } finally {
    call.forget();
    // What still waits inside ends by the signal; nobody waits for that.
    iterator.return?.().catch(() => undefined);
  }
}

interface Abortable {
  /**
   * What `work` gives. Rejects when the signal fires, also when `work` does not heed it, and when `work` ended
   * in peace only because it did: the caller has to know that it was not all.
   */
  untilAborted<T>(work: () => Promise<T>): Promise<T>;
  forget(): void;
}

function abortable(method: string, signal: AbortSignal): Abortable {
  let fail: ((error: ConnectError) => void) | undefined;
  const onAbort = () => fail?.(abortError(method, signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    async untilAborted<T>(work: () => Promise<T>) {
      if (signal.aborted) throw abortError(method, signal.reason);
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      fail = reject;
      work().then(resolve, reject);
      const value = await promise;
      if (signal.aborted) throw abortError(method, signal.reason);
      return value;
    },
    forget: () => signal.removeEventListener('abort', onAbort),
  };
}

/** Ids of what a request is about. */
function subject(message: unknown): Record<string, string> {
  const ids: Record<string, string> = {};
  if (typeof message !== 'object' || message === null) return ids;
  if ('zoneId' in message && typeof message.zoneId === 'string') ids.zone = message.zoneId;
  if ('workloadId' in message && typeof message.workloadId === 'string') ids.workload = message.workloadId;
  return ids;
}
