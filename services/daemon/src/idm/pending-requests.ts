import { Code, ConnectError } from '@connectrpc/connect';
import type { Request, Response } from '@protect/proto/idm';
import { pendingRequestsMax } from './limits.ts';

type RequestCase = Request['request']['case'];
type ResponseCase = Response['response']['case'];

interface Pending {
  readonly expected: ResponseCase;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: ConnectError) => void;
}

/** The kind of answer that belongs to a kind of request. */
function answerTo(request: RequestCase): ResponseCase {
  switch (request) {
    case 'hello':
      return 'hello';
    case 'ping':
      return 'ping';
    case 'metrics':
      return 'metrics';
    case 'startWorkload':
      return 'startWorkload';
    default:
      return 'done';
  }
}

/** Requests of one connection that wait for the zone's answer. */
export class PendingRequests {
  readonly #pending = new Map<bigint, Pending>();

  has(id: bigint): boolean {
    return this.#pending.has(id);
  }

  /** The answer to come; rejects after the deadline, on abort, and at once when too many wait. */
  add(
    id: bigint,
    request: RequestCase,
    { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal | undefined },
  ): Promise<Response> {
    if (this.#pending.size >= pendingRequestsMax) {
      const text = `${pendingRequestsMax} requests wait for the zone already`;
      return Promise.reject(new ConnectError(text, Code.ResourceExhausted));
    }
    if (signal?.aborted) return Promise.reject(new ConnectError('the call was canceled', Code.Canceled));
    return new Promise<Response>((resolve, reject) => {
      const forget = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
      };
      const fail = (error: ConnectError) => {
        forget();
        reject(error);
      };
      const onAbort = () => fail(new ConnectError('the call was canceled', Code.Canceled));
      const timer = setTimeout(() => {
        const text = `the zone did not answer ${request ?? 'the request'} within ${deadlineMs} ms`;
        fail(new ConnectError(text, Code.DeadlineExceeded));
      }, deadlineMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, {
        expected: answerTo(request),
        resolve: (response) => {
          forget();
          resolve(response);
        },
        reject: fail,
      });
    });
  }

  /** False when no request with this id waits, or the answer is of another kind. */
  resolve(id: bigint, response: Response): boolean {
    const pending = this.#pending.get(id);
    if (!pending) return false;
    if (response.response.case === pending.expected) {
      pending.resolve(response);
      return true;
    }
    const text = `the zone answered with ${response.response.case ?? 'nothing'} instead of ${pending.expected}`;
    pending.reject(new ConnectError(text, Code.Internal));
    return false;
  }

  /** False when no request with this id waits. */
  reject(id: bigint, error: ConnectError): boolean {
    const pending = this.#pending.get(id);
    pending?.reject(error);
    return pending !== undefined;
  }

  /** Rejects all that wait. */
  close(error: ConnectError): void {
    for (const pending of [...this.#pending.values()]) pending.reject(error);
  }
}
