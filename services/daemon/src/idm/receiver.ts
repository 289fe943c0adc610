import type { Duplex } from 'node:stream';
import type { Packet } from '@protect/proto/idm';
import type { Logger } from 'pino';
import { FrameDecoder } from './frame.ts';
import { damagedFrameCostBytes, garbageAllowanceBytes, garbageBucket, type IdmBudget } from './limits.ts';

interface ReceiverOptions {
  readonly budget: IdmBudget;
  readonly logger: Logger;
  /** Takes a packet; false, or an exception, when it has no place or no meaning. */
  readonly onPacket: (packet: Packet) => boolean;
  /** The channel gives nothing more, and why. */
  readonly onEnd: (reason: string) => void;
}

/**
 * Reads one zone's channel within a budget per turn of the event loop, and gives the zone up when it
 * sends more garbage than a lost connection can explain.
 */
export class IdmReceiver {
  readonly #stream: Duplex;
  readonly #options: ReceiverOptions;
  readonly #decoder = new FrameDecoder();
  readonly #garbage = garbageBucket();
  #turnFrames = 0;
  #turnBytes = 0;
  #turnEnd: NodeJS.Immediate | undefined;
  #skippedBefore = 0;
  #paused = false;
  #ended: string | undefined;
  #warned = false;
  #closed = false;

  constructor(stream: Duplex, options: ReceiverOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    stream.on('end', () => this.#onEnd('the zone closed the channel'));
    stream.on('error', (error) => this.#onEnd(`the channel to the zone failed: ${error.message}`));
    stream.on('close', () => this.#onEnd('the channel to the zone was closed'));
  }

  close(): void {
    this.#closed = true;
    if (this.#turnEnd) clearImmediate(this.#turnEnd);
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#decoder.push(chunk);
    this.#turnBytes += chunk.length;
    this.#turnEnd ??= setImmediate(() => this.#nextTurn());
    if (!this.#paused) this.#drain();
  }

  #onEnd(reason: string): void {
    this.#ended ??= reason;
    // A paused receiver still holds packets that came before the end.
    if (!this.#paused) this.#finish();
  }

  #finish(): void {
    if (this.#closed || this.#ended === undefined) return;
    this.#options.onEnd(this.#ended);
  }

  #nextTurn(): void {
    this.#turnEnd = undefined;
    this.#turnFrames = 0;
    this.#turnBytes = 0;
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#drain();
    if (this.#paused || this.#closed) return;
    if (this.#ended === undefined) this.#stream.resume();
    else this.#finish();
  }

  #drain(): void {
    const { budget } = this.#options;
    while (!this.#closed) {
      if (this.#turnFrames >= budget.framesPerTurn || this.#turnBytes >= budget.bytesPerTurn) {
        this.#paused = true;
        this.#stream.pause();
        this.#turnEnd ??= setImmediate(() => this.#nextTurn());
        return;
      }
      const work = this.#decoder.workBytes;
      const next = this.#decoder.next();
      const skipped = this.#decoder.skippedBytes - this.#skippedBefore;
      this.#skippedBefore = this.#decoder.skippedBytes;
      if (skipped > 0) this.#complain(skipped);
      if (next === 'incomplete') return;
      this.#turnFrames++;
      if (next === 'damaged') {
        this.#turnBytes += this.#decoder.workBytes - work;
        this.#complain(damagedFrameCostBytes);
      } else if (!this.#accepted(next)) {
        this.#complain(damagedFrameCostBytes);
      }
    }
  }

  #accepted(packet: Packet): boolean {
    try {
      return this.#options.onPacket(packet);
    } catch (error) {
      this.#options.logger.debug(
        { err: error, form: packet.form },
        'a packet of the zone was not understood',
      );
      return false;
    }
  }

  #complain(garbageBytes: number): void {
    if (!this.#warned) {
      this.#warned = true;
      this.#options.logger.warn({ garbageBytes }, 'the zone sent bytes on IDM that mean nothing; skipped');
    }
    if (this.#garbage.add(garbageBytes) || this.#closed) return;
    this.#options.onEnd(`the zone sent more than ${garbageAllowanceBytes} bytes that mean nothing`);
  }
}
