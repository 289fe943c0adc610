import type { Duplex } from 'node:stream';
import { Code, ConnectError } from '@connectrpc/connect';
import { withDeadline } from '../deadline.ts';

/** Milliseconds for a stream that was let go to be closed; a killed program needs few. */
const closeDeadlineMs = 5_000;

/** A stream of which there is at most one; the next is opened once the last is closed. */
export class OneStream {
  readonly #name: string;
  readonly #openStream: () => Duplex;
  #closed = false;
  #stream: Duplex | undefined;
  #gone: Promise<void> = Promise.resolve();

  /** `name` is for errors. */
  constructor(name: string, openStream: () => Duplex) {
    this.#name = name;
    this.#openStream = openStream;
  }

  /** UNAVAILABLE after `close`; DEADLINE_EXCEEDED while somebody keeps the stream. */
  async open(signal: AbortSignal): Promise<Duplex> {
    while (this.#stream !== undefined) {
      await withDeadline(this.#gone, `to close its last ${this.#name}`, closeDeadlineMs, signal);
    }
    signal.throwIfAborted();
    if (this.#closed) throw new ConnectError(`the ${this.#name} is closed for good`, Code.Unavailable);
    const stream = this.#openStream();
    this.#stream = stream;
    this.#gone = new Promise((resolve) => {
      stream.once('close', () => {
        if (this.#stream === stream) this.#stream = undefined;
        resolve();
      });
    });
    return stream;
  }

  /** Settles when the stream that is open now has closed by itself. */
  async ended(): Promise<void> {
    await this.#gone;
  }

  /** Closes the stream and opens no more; settles when nothing of it is left. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stream?.destroy();
    await this.#gone;
  }
}
