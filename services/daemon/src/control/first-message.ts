import { Code, ConnectError } from '@connectrpc/connect';

/** A stream of requests whose first says what the stream is about. */
export interface OpenedStream<T> {
  readonly first: T;
  readonly rest: AsyncIterator<T>;
}

/** INVALID_ARGUMENT when the caller sends nothing. */
export async function firstMessage<T>(requests: AsyncIterable<T>): Promise<OpenedStream<T>> {
  const rest = requests[Symbol.asyncIterator]();
  const { done, value } = await rest.next();
  if (done === true)
    throw new ConnectError('the stream ended before its first message', Code.InvalidArgument);
  return { first: value, rest };
}
