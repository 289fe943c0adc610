import { Code, ConnectError } from '@connectrpc/connect';
import { frameCostBytes, maxMessageBytes, windowBytes } from './limits.ts';

/** Messages that have arrived on one direction of a call and wait for their reader. */
export interface ReceiveQueue extends AsyncIterable<Uint8Array> {
  /** Takes a piece of a message; throws when the sender breaks the rules. */
  push(piece: Uint8Array, more: boolean): void;
  /** No more will come; the reader gets what is there, then the end, or `error`. */
  end(error?: ConnectError): void;
  /** The reader gets `error` at once; what is there is dropped. */
  fail(error: ConnectError): void;
}

export interface ReceiveQueueOptions {
  /** Tells the sender the cost of all that was consumed since the call began. */
  readonly acknowledge: (totalBytes: number) => void;
  readonly limitBytes?: number;
  readonly maxBytes?: number;
}

interface Whole {
  readonly message: Uint8Array;
  readonly cost: number;
}

/**
 * Acknowledges what the reader takes, not what arrives: pieces of a message that is still coming are
 * acknowledged only while the reader waits for it. So a reader that stalls costs `limitBytes` and no more.
 */
export function createReceiveQueue(options: ReceiveQueueOptions): ReceiveQueue {
  const { acknowledge, limitBytes = windowBytes, maxBytes = maxMessageBytes } = options;
  const whole: Whole[] = [];
  let pieces: Uint8Array[] = [];
  let piecesBytes = 0;
  /** Cost of the pieces that are not yet consumed. */
  let piecesCost = 0;
  let received = 0;
  let consumed = 0;
  let announced = 0;
  let over: { readonly error: ConnectError | undefined } | undefined;
  let reader: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined;

  function consume(cost: number) {
    consumed += cost;
    // Every piece would cost an answer; a quarter of the window at a time keeps the sender going.
    if (consumed - announced < limitBytes / 4) return;
    announced = consumed;
    acknowledge(announced);
  }

  function consumePieces() {
    const cost = piecesCost;
    piecesCost = 0;
    consume(cost);
  }

  function finish(error: ConnectError | undefined) {
    if (over) return;
    over = { error };
    if (!reader) return;
    if (error) reader.reject(error);
    else reader.resolve({ done: true, value: undefined });
    reader = undefined;
  }

  function next(): Promise<IteratorResult<Uint8Array>> {
    const first = whole.shift();
    if (first) {
      consume(first.cost);
      return Promise.resolve({ done: false, value: first.message });
    }
    if (over) {
      return over.error ? Promise.reject(over.error) : Promise.resolve({ done: true, value: undefined });
    }
    reader ??= Promise.withResolvers();
    consumePieces();
    return reader.promise;
  }

  return {
    push(piece, more) {
      if (over) return;
      const cost = piece.length + frameCostBytes;
      received += cost;
      if (received - announced > limitBytes) {
        throw new ConnectError(`the peer sent more than ${limitBytes} bytes ahead`, Code.Internal);
      }
      piecesBytes += piece.length;
      if (piecesBytes > maxBytes) {
        throw new ConnectError(`a message is larger than ${maxBytes} bytes`, Code.ResourceExhausted);
      }
      pieces.push(piece);
      piecesCost += cost;
      if (more) {
        if (reader) consumePieces();
        return;
      }
      const message = pieces.length === 1 ? piece : Buffer.concat(pieces, piecesBytes);
      const messageCost = piecesCost;
      [pieces, piecesBytes, piecesCost] = [[], 0, 0];
      if (!reader) {
        whole.push({ message, cost: messageCost });
        return;
      }
      const { resolve } = reader;
      reader = undefined;
      consume(messageCost);
      resolve({ done: false, value: message });
    },
    end(error) {
      if (pieces.length > 0 && error === undefined) {
        finish(new ConnectError('the stream ended in the middle of a message', Code.Internal));
      } else finish(error);
    },
    fail(error) {
      whole.length = 0;
      pieces = [];
      if (over) over = { error: over.error ?? error };
      finish(error);
    },
    [Symbol.asyncIterator]: () => ({ next }),
  };
}
