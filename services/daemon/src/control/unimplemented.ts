import { Code, ConnectError } from '@connectrpc/connect';

/** A method that answers UNIMPLEMENTED with its name, unary or streaming. */
export function unimplemented(method: string): () => never {
  return () => {
    throw new ConnectError(`${method} is not available yet`, Code.Unimplemented);
  };
}
