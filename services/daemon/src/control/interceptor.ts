import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { ImageError, type ImageErrorKind } from '@protect/oci/image-error';
import type { Logger } from 'pino';

const imageCodes: Record<ImageErrorKind, Code> = {
  'not-found': Code.NotFound,
  broken: Code.InvalidArgument,
  denied: Code.PermissionDenied,
  unavailable: Code.Unavailable,
  unsupported: Code.Unimplemented,
  limit: Code.ResourceExhausted,
  invalid: Code.InvalidArgument,
};

/** The error that a caller gets; what is unknown is told in the log alone. */
export function toWireError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof ImageError) {
    return new ConnectError(error.message, imageCodes[error.kind], undefined, undefined, error);
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new ConnectError('the call was canceled', Code.Canceled, undefined, undefined, error);
  }
  const text = 'the daemon failed to carry this out; its log says why';
  return new ConnectError(text, Code.Internal, undefined, undefined, error);
}

/** Maps every error once, and logs those that are the daemon's own fault. */
export function errorInterceptor(logger: Logger): Interceptor {
  const funnel = (thrown: unknown, method: string, message: unknown, signal: AbortSignal): ConnectError => {
    const mapped = toWireError(goneCaller(thrown, signal));
    if (mapped.code === Code.Internal) {
      logger.error({ err: thrown, method, ...subject(message) }, 'a call failed');
    } else {
      logger.debug({ code: Code[mapped.code], message: mapped.rawMessage, method }, 'a call was refused');
    }
    return mapped;
  };
  return (next) => async (request) => {
    const method = request.method.name;
    const message = request.stream ? undefined : request.message;
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return {
        ...response,
        message: mapStream(response.message, (error) => funnel(error, method, message, request.signal)),
      };
    } catch (error) {
      throw funnel(error, method, message, request.signal);
    }
  };
}

/** What breaks because the caller has gone away is nobody's fault. */
function goneCaller(thrown: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || thrown instanceof ConnectError) return thrown;
  return new ConnectError('the caller went away', Code.Canceled, undefined, undefined, thrown);
}

async function* mapStream<T>(stream: AsyncIterable<T>, map: (error: unknown) => ConnectError) {
  try {
    yield* stream;
  } catch (error) {
    throw map(error);
  }
}

/** Ids of what a request is about. */
function subject(message: unknown): Record<string, string> {
  const ids: Record<string, string> = {};
  if (typeof message !== 'object' || message === null) return ids;
  if ('zoneId' in message && typeof message.zoneId === 'string') ids.zone = message.zoneId;
  if ('workloadId' in message && typeof message.workloadId === 'string') ids.workload = message.workloadId;
  return ids;
}
