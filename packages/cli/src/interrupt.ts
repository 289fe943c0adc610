import type { Interceptor } from '@connectrpc/connect';

/** Ends every call, and refuses new ones, when `signal` is aborted. */
export function endCallsOn(signal: AbortSignal): Interceptor {
  return (next) => (request) => next({ ...request, signal: AbortSignal.any([request.signal, signal]) });
}
