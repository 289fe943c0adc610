import { Code, ConnectError } from '@connectrpc/connect';

/**
 * The promise's outcome, unless `deadlineMs` pass first (DEADLINE_EXCEEDED, "the hypervisor
 * took more than … ms <what>") or `signal` aborts (CANCELED).
 */
export function withDeadline<T>(
  promise: Promise<T>,
  what: string,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = () => settle(() => reject(new ConnectError('the call was canceled', Code.Canceled)));
    const timer = setTimeout(() => {
      const text = `the hypervisor took more than ${deadlineMs} ms ${what}`;
      settle(() => reject(new ConnectError(text, Code.DeadlineExceeded)));
    }, deadlineMs);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

/** The promise's value, or undefined when it takes longer than `waitMs`. */
export async function settledWithin<T>(promise: Promise<T>, waitMs: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), waitMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
