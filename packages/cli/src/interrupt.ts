import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';

/** Ends every call, and refuses new ones, when `signal` is aborted. */
export function endCallsOn(signal: AbortSignal): Interceptor {
  return (next) => (request) => {
    if (signal.aborted) throw new ConnectError('interrupted', Code.Canceled);
    return next({ ...request, signal: AbortSignal.any([request.signal, signal]) });
  };
}
