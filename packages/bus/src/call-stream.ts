import { Code, ConnectError } from '@connectrpc/connect';
import { encodeFrame, type Frame, nextSequence } from './frame.ts';
import { chunkBytes, frameCostBytes } from './limits.ts';
import { createReceiveQueue } from './receive-queue.ts';
import { createSendWindow } from './send-window.ts';

/** One end of a call's two directions: order, credits, pieces. Knows nothing of NATS, time or Connect. */
export interface CallStream {
  /** What the peer sends, to be read once. */
  readonly messages: AsyncIterable<Uint8Array>;
  /** Settles when all of `message` is on its way; waits for credit. One message at a time. */
  sendMessage(message: Uint8Array): Promise<void>;
  /** Sends a frame that has its place in the order. */
  sendMark(kind: 'half-close'): void;
  sendMark(kind: 'headers' | 'end', body: Uint8Array): void;
  /** Takes a frame of the peer; throws when it breaks the rules, which ends the call. */
  receive(frame: Frame): void;
  /** Wakes a sender that waits for credit which will never come: it gets CANCELED. */
  stopSending(): void;
  /** Ends both directions: readers and senders get `error`. */
  fail(error: ConnectError): void;
}

export interface CallStreamOptions {
  readonly send: (frame: Uint8Array) => void;
  readonly onHeaders?: (body: Uint8Array) => void;
  /** The peer's last frame; an error that it returns is what the reader gets after the last message. */
  readonly onEnd?: (body: Uint8Array) => ConnectError | undefined;
}

export function createCallStream({ send, onHeaders, onEnd }: CallStreamOptions): CallStream {
  const sending = createSendWindow();
  const receiving = createReceiveQueue({
    acknowledge: (totalBytes) => send(encodeFrame({ kind: 'credit', totalBytes })),
  });
  let sequence = 0;
  let expected = 0;

  function inOrder(received: number) {
    if (received !== expected) {
      throw new ConnectError(
        `the bus lost part of the call: frame ${received} came instead of ${expected}; try again`,
        Code.Unavailable,
      );
    }
    expected = nextSequence(expected);
  }

  function take(): number {
    const taken = sequence;
    sequence = nextSequence(sequence);
    return taken;
  }

  return {
    messages: receiving,
    async sendMessage(message) {
      let offset = 0;
      do {
        const body = message.subarray(offset, offset + chunkBytes);
        offset += body.length;
        await sending.take(body.length + frameCostBytes);
        send(encodeFrame({ kind: 'data', sequence: take(), more: offset < message.length, body }));
      } while (offset < message.length);
    },
    sendMark(kind: 'half-close' | 'headers' | 'end', body: Uint8Array = new Uint8Array()) {
      send(encodeFrame({ kind, sequence: take(), body }));
    },
    receive(frame) {
      switch (frame.kind) {
        case 'data':
          inOrder(frame.sequence);
          receiving.push(frame.body, frame.more);
          return;
        case 'half-close':
          inOrder(frame.sequence);
          receiving.end();
          return;
        case 'headers':
          inOrder(frame.sequence);
          onHeaders?.(frame.body);
          return;
        case 'end':
          inOrder(frame.sequence);
          receiving.end(onEnd?.(frame.body));
          return;
        case 'credit':
          if (!sending.acknowledge(frame.totalBytes)) {
            throw new ConnectError('the peer acknowledged more than it was sent', Code.Internal);
          }
          return;
        case 'reset':
          throw new ConnectError(`the peer gave the call up: ${frame.reason}`, Code.Unavailable);
        case 'ping':
        case 'pong':
        case 'cancel':
          return;
      }
    },
    stopSending() {
      sending.fail(new ConnectError('the peer has ended the call', Code.Canceled));
    },
    fail(error) {
      sending.fail(error);
      receiving.fail(error);
    },
  };
}
