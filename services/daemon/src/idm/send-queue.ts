import type { Duplex } from 'node:stream';
import { controlQueueMaxBytes } from './limits.ts';

interface BulkEntry {
  readonly streamId: bigint;
  readonly frame: Buffer;
  readonly settle: (sent: boolean) => void;
}

/**
 * What waits to be written to one zone. Control frames go before bulk ones; bulk frames are handed
 * over one at a time as the zone reads, so that control waits behind one of them at most.
 */
export class SendQueue {
  readonly #stream: Duplex;
  #control: Buffer[] = [];
  #controlBytes = 0;
  #bulk: BulkEntry[] = [];
  #waiting: (() => void)[] = [];
  #blocked = false;
  #closed = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
  }

  /** True while control frames may be added without waiting. */
  get hasRoom(): boolean {
    return this.#controlBytes < controlQueueMaxBytes;
  }

  /**
   * Undefined when control frames may be added now; otherwise settles when it is worth asking again, which
   * the caller does, since others wait too.
   */
  full(): Promise<void> | undefined {
    if (this.hasRoom || this.#closed) return undefined;
    return new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /**
   * Adds a control frame; callers that can wait call `full` first. False when the zone has read
   * nothing for so long that twice the bound is reached.
   */
  control(frame: Buffer): boolean {
    if (this.#closed) return true;
    this.#control.push(frame);
    this.#controlBytes += frame.length;
    this.#pump();
    return this.#controlBytes < 2 * controlQueueMaxBytes;
  }

  /** Settles with true when the frame went to the channel, with false when it was dropped. */
  bulk(streamId: bigint, frame: Buffer): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    return new Promise((settle) => {
      this.#bulk.push({ streamId, frame, settle });
      this.#pump();
    });
  }

  /** Takes out the bulk frames of a stream that is done. */
  drop(streamId: bigint): void {
    const dropped = this.#bulk.filter((entry) => entry.streamId === streamId);
    if (dropped.length === 0) return;
    this.#bulk = this.#bulk.filter((entry) => entry.streamId !== streamId);
    for (const entry of dropped) entry.settle(false);
  }

  /** Forgets everything; waiters settle. */
  close(): void {
    this.#closed = true;
    const bulk = this.#bulk;
    this.#bulk = [];
    this.#control = [];
    this.#controlBytes = 0;
    for (const entry of bulk) entry.settle(false);
    this.#release();
  }

  #pump(): void {
    while (!this.#blocked && !this.#closed) {
      const control = this.#control.shift();
      if (control) {
        this.#controlBytes -= control.length;
        this.#blocked = !this.#stream.write(control);
        continue;
      }
      const entry = this.#bulk.shift();
      if (!entry) break;
      this.#blocked = !this.#stream.write(entry.frame);
      entry.settle(true);
    }
    if (this.hasRoom) this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
