import { type FileHandle, open, readFile, rename, stat } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';
import type { Domain } from './hypervisor.ts';

/** Bytes of one of the two files that keep a zone's console; together they are the 4 MiB a zone may have. */
export const consoleSegmentBytes = 2 * 1024 * 1024;

/** Bytes read from the console that may wait to be written before the zone is made to wait. */
const pendingMaxBytes = 256 * 1024;

/** Bytes that one follower may be behind before it misses some. */
const followerMaxBytes = 256 * 1024;

/** Milliseconds before a lost console is opened again. */
const retryMs = 500;

/** A zone's console: what was printed, what is being printed, and its keyboard. */
export interface ConsoleLog {
  /** All that is kept, oldest first. */
  history(): Promise<Buffer>;
  /**
   * All that is kept when `replay` is set, then all that follows, until the signal aborts or the console is
   * closed for good. A follower that is too slow misses bytes in the middle, never at the end.
   */
  follow(signal: AbortSignal, options?: { replay?: boolean }): AsyncIterable<Buffer>;
  /** Types on the zone's console; UNAVAILABLE while it is not connected. */
  write(bytes: Uint8Array): Promise<void>;
  /** Settles when the machine has ended and all that it printed is written; never rejects. */
  readonly ended: Promise<void>;
  /** Lets go of the console and the files; settles when all that was read is written. */
  close(): Promise<void>;
}

export interface ConsoleLogOptions {
  readonly logger: Logger;
  /** Default 2 MiB. */
  readonly segmentBytes?: number;
}

interface Follower {
  chunks: Buffer[];
  bytes: number;
  wake: (() => void) | undefined;
}

/** The file of the older half of a console log. */
export function olderSegment(path: string): string {
  return `${path}.1`;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** What is kept of a console, without a connection to it; for zones that have ended. */
export async function readConsoleHistory(path: string): Promise<Buffer> {
  return Buffer.concat([await readIfThere(olderSegment(path)), await readIfThere(path)]);
}

/**
 * Keeps the console of `domain` open while the domain lives, and what it prints in `path` and one
 * older file beside it.
 */
export function openConsoleLog(
  domain: Pick<Domain, 'zoneId' | 'openConsole' | 'ended'>,
  path: string,
  options: ConsoleLogOptions,
): ConsoleLog {
  return new FileConsoleLog(domain, path, options);
}

class FileConsoleLog implements ConsoleLog {
  readonly #domain: Pick<Domain, 'zoneId' | 'openConsole' | 'ended'>;
  readonly #path: string;
  readonly #segmentBytes: number;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #followers = new Set<Follower>();
  readonly #running: Promise<void>;
  #stream: Duplex | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #broken = false;
  #done = false;

  constructor(
    domain: Pick<Domain, 'zoneId' | 'openConsole' | 'ended'>,
    path: string,
    { logger, segmentBytes }: ConsoleLogOptions,
  ) {
    this.#domain = domain;
    this.#path = path;
    this.#segmentBytes = segmentBytes ?? consoleSegmentBytes;
    this.#logger = logger.child({ zone: domain.zoneId });
    this.#running = this.#run();
  }

  get ended(): Promise<void> {
    return this.#running;
  }

  async history(): Promise<Buffer> {
    await this.#flushed();
    return await readConsoleHistory(this.#path);
  }

  async *follow(signal: AbortSignal, options: { replay?: boolean } = {}): AsyncGenerator<Buffer> {
    const follower: Follower = { chunks: [], bytes: 0, wake: undefined };
    const wake = () => follower.wake?.();
    signal.addEventListener('abort', wake);
    try {
      if (options.replay) {
        await this.#flushed();
        // From here to the reading nothing is written, and what arrives meanwhile goes to the follower.
        const history = readConsoleHistory(this.#path);
        this.#writing = Promise.allSettled([this.#writing, history]).then(() => undefined);
        this.#followers.add(follower);
        const kept = await history;
        if (kept.length > 0) yield kept;
      } else {
        this.#followers.add(follower);
      }
      while (!signal.aborted) {
        const chunk = follower.chunks.shift();
        if (chunk) {
          follower.bytes -= chunk.length;
          yield chunk;
        } else if (this.#done) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            follower.wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#followers.delete(follower);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const stream = this.#stream;
    if (!stream) {
      throw new ConnectError(`the console of zone ${this.#domain.zoneId} is not connected`, Code.Unavailable);
    }
    await new Promise<void>((resolve, reject) => {
      stream.write(bytes, (error) => {
        if (!error) resolve();
        else reject(new ConnectError(`the console was lost: ${error.message}`, Code.Unavailable));
      });
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const over = new AbortController();
    const isOver = () => over.signal.aborted || this.#stop.signal.aborted;
    void this.#domain.ended.then(() => over.abort());
    const retrying = AbortSignal.any([over.signal, this.#stop.signal]);
    this.#fileBytes = await sizeOf(this.#path);
    while (!isOver()) {
      try {
        await this.#readOnce(await this.#domain.openConsole(this.#stop.signal));
      } catch (error) {
        if (!this.#stop.signal.aborted)
          this.#logger.debug({ err: error }, 'the console cannot be opened yet');
      }
      await delay(retryMs, undefined, { signal: retrying }).catch(() => undefined);
    }
    await this.#flushed();
    await this.#file?.close();
    this.#file = undefined;
    this.#done = true;
    for (const follower of this.#followers) follower.wake?.();
  }

  /** A machine that ends closes its console by itself, after its last words. */
  async #readOnce(stream: Duplex): Promise<void> {
    this.#stream = stream;
    const onStop = () => stream.destroy();
    this.#stop.signal.addEventListener('abort', onStop, { once: true });
    try {
      await new Promise<void>((resolve) => {
        stream.on('data', (chunk: Buffer) => this.#take(chunk));
        stream.on('error', () => undefined);
        stream.on('end', () => stream.destroy());
        stream.on('close', resolve);
        if (stream.destroyed) resolve();
      });
    } finally {
      this.#stop.signal.removeEventListener('abort', onStop);
      this.#stream = undefined;
    }
  }

  #take(chunk: Buffer): void {
    for (const follower of this.#followers) offer(follower, chunk);
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes > pendingMaxBytes) this.#stream?.pause();
    this.#startWriting();
  }

  #startWriting(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#writing = this.#writing.then(() => this.#writeAll());
  }

  /** Settles when what has been read so far is in the files. */
  async #flushed(): Promise<void> {
    while (this.#isWriting) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const bytes = Buffer.concat(this.#pending);
        this.#pending = [];
        this.#pendingBytes = 0;
        this.#stream?.resume();
        await this.#append(bytes);
      }
    } catch (error) {
      if (!this.#broken) this.#logger.error({ err: error }, 'the console of the zone is not being kept');
      this.#broken = true;
    } finally {
      this.#isWriting = false;
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    if (this.#fileBytes + bytes.length > this.#segmentBytes) {
      await this.#file?.close();
      this.#file = undefined;
      if (this.#fileBytes > 0) await rename(this.#path, olderSegment(this.#path));
      this.#fileBytes = 0;
    }
    this.#file ??= await open(this.#path, 'a', 0o600);
    const kept = bytes.subarray(-this.#segmentBytes);
    await this.#file.appendFile(kept);
    this.#fileBytes += kept.length;
  }
}

function offer(follower: Follower, chunk: Buffer): void {
  follower.chunks.push(chunk);
  follower.bytes += chunk.length;
  while (follower.bytes > followerMaxBytes && follower.chunks.length > 1) {
    follower.bytes -= follower.chunks.shift()?.length ?? 0;
  }
  follower.wake?.();
}
