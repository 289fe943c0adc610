import { open, rename, rm, stat } from 'node:fs/promises';
import { Wakeup } from '../events/wakeup.ts';

/** Each of the two files has at most this many bytes: 4 MiB for a zone. */
export const consoleFileBytes = 2 * 1024 * 1024;

const readBytes = 64 * 1024;

/**
 * What a zone printed on its console: the newest bytes, in two files of bounded size. Positions count
 * the bytes since the log was opened, history included.
 */
export class ConsoleLog {
  readonly #path: string;
  readonly #limit: number;
  /** Positions at which the older file, the newer file and the log's end lie. */
  #olderStart = 0;
  #newerStart: number;
  #end: number;
  #closed = false;
  readonly #listeners = new Set<() => void>();

  private constructor(path: string, limit: number, olderBytes: number, newerBytes: number) {
    this.#path = path;
    this.#limit = limit;
    this.#newerStart = olderBytes;
    this.#end = olderBytes + newerBytes;
  }

  static async open(path: string, limit: number = consoleFileBytes): Promise<ConsoleLog> {
    return new ConsoleLog(path, limit, await sizeOf(olderPath(path)), await sizeOf(path));
  }

  get end(): number {
    return this.#end;
  }

  /** Appends bytes; one caller at a time. */
  async append(data: Uint8Array): Promise<void> {
    if (this.#end - this.#newerStart + data.length > this.#limit && this.#end > this.#newerStart) {
      await rename(this.#path, olderPath(this.#path));
      this.#olderStart = this.#newerStart;
      this.#newerStart = this.#end;
    }
    await using file = await open(this.#path, 'a', 0o600);
    await file.appendFile(data);
    this.#end += data.length;
    this.#announce();
  }

  /** No more follows; readers come to their end. */
  close(): void {
    this.#closed = true;
    this.#announce();
  }

  /**
   * The bytes from `from` on (0 for all history), then what is appended until the log is closed. A
   * reader that is too slow goes on with the oldest byte that is kept.
   */
  async *read(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const wakeup = new Wakeup();
    this.#listeners.add(wakeup.wake);
    signal.addEventListener('abort', wakeup.wake, { once: true });
    try {
      let at = from;
      while (!signal.aborted) {
        wakeup.reset();
        const closed = this.#closed;
        at = Math.max(at, this.#olderStart);
        const data = at < this.#end ? await this.#readAt(at) : undefined;
        if (data !== undefined && data.length > 0) {
          at += data.length;
          yield data;
        } else if (at >= this.#end) {
          if (closed) return;
          await wakeup.wait();
        }
      }
    } finally {
      this.#listeners.delete(wakeup.wake);
      signal.removeEventListener('abort', wakeup.wake);
    }
  }

  /** Empty when the files moved meanwhile. */
  async #readAt(at: number): Promise<Uint8Array> {
    const older = at < this.#newerStart;
    const start = older ? this.#olderStart : this.#newerStart;
    const limit = (older ? this.#newerStart : this.#end) - at;
    try {
      await using file = await open(older ? olderPath(this.#path) : this.#path, 'r');
      const buffer = Buffer.alloc(Math.min(readBytes, limit));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at - start);
      const moved = start !== (older ? this.#olderStart : this.#newerStart);
      if (moved) return new Uint8Array();
      // A file that somebody cut short has nothing more to give at this place.
      if (bytesRead === 0) throw new Error(`${this.#path} is shorter than what was written to it`);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      if (start !== (older ? this.#olderStart : this.#newerStart)) return new Uint8Array();
      throw error;
    }
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Removes both files. */
export async function removeConsoleLog(path: string): Promise<void> {
  await Promise.all([rm(path, { force: true }), rm(olderPath(path), { force: true })]);
}

function olderPath(path: string): string {
  return `${path}.1`;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
