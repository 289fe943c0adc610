import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import {
  advance,
  encodeRecord,
  maxRecordBytes,
  type OutputPosition,
  type OutputRecord,
  type OutputStreamName,
  startOf,
} from './output-frame.ts';
import { listSegments, recoverEnd, segmentPath } from './output-segments.ts';

export interface OutputLimits {
  /** A segment is closed once it has this many bytes. */
  readonly segmentBytes: number;
  /** The oldest segments go when there are more. */
  readonly segments: number;
}

/** 256 MiB for each workload. */
export const defaultOutputLimits: OutputLimits = { segmentBytes: 16 * 1024 * 1024, segments: 16 };

/** Bytes that may wait to be written before `room` holds its caller. */
const maxPendingBytes = 4 * 1024 * 1024;
const writeBytes = 1024 * 1024;

interface Pending {
  readonly bytes: Buffer;
  readonly record: OutputRecord;
  readonly settled: PromiseWithResolvers<void>;
}

/** How far a reader may read. */
export interface ReadableEnd {
  readonly segment: number;
  readonly bytes: number;
  readonly oldest: number;
}

/**
 * The stored output of one workload: framed records in numbered segments, the newest bounded number of
 * them kept. What an `append` that settled wrote survives the end of this process (not that of the
 * host, which ends the zone as well).
 */
export class OutputLog {
  readonly folder: string;
  readonly #limits: OutputLimits;
  #file: FileHandle | undefined;
  #segment: number;
  #bytes: number;
  #oldest: number;
  /** With what waits to be written. */
  #accepted: OutputPosition;
  #stored: OutputPosition;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #closed = false;
  readonly #listeners = new Set<() => void>();

  private constructor(
    folder: string,
    limits: OutputLimits,
    end: { segment: number; bytes: number; oldest: number; position: OutputPosition },
  ) {
    this.folder = folder;
    this.#limits = limits;
    this.#segment = end.segment;
    this.#bytes = end.bytes;
    this.#oldest = end.oldest;
    this.#accepted = end.position;
    this.#stored = end.position;
  }

  /** Opens the log in `folder`, which is made when it is absent, and cuts off what a crash tore. */
  static async open(folder: string, limits: OutputLimits = defaultOutputLimits): Promise<OutputLog> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const end = await recoverEnd(folder);
    const oldest = (await listSegments(folder))[0];
    if (end === undefined || oldest === undefined) {
      const position = { run: 0, stdout: 0, stderr: 0, ended: true };
      return new OutputLog(folder, limits, { segment: 0, bytes: 0, oldest: 1, position });
    }
    return new OutputLog(folder, limits, { ...end, oldest });
  }

  /** How far the output is on disk. */
  get stored(): OutputPosition {
    return this.#stored;
  }

  get readableEnd(): ReadableEnd {
    return { segment: this.#segment, bytes: this.#bytes, oldest: this.#oldest };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls back at each change of `readableEnd`, `stored` or `closed`; returns what ends it. */
  onNews(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Where to go on with `run`: its stored offsets, or its beginning. */
  resumeAt(run: number): OutputPosition {
    return startOf(this.#stored, run);
  }

  /**
   * Stores output of `run`; settles once it is on disk. Bytes that are stored already are dropped, and
   * a gap is kept as the offsets tell it.
   */
  async append(run: number, stream: OutputStreamName, offset: number, data: Uint8Array): Promise<void> {
    const known = startOf(this.#accepted, run)[stream];
    const skip = Math.min(Math.max(known - offset, 0), data.length);
    const writes: Promise<void>[] = [];
    for (let from = skip; from < data.length; from += maxRecordBytes) {
      const piece = data.subarray(from, from + maxRecordBytes);
      writes.push(this.#enqueue({ kind: stream, run, offset: offset + from, atMs: Date.now(), data: piece }));
    }
    await Promise.all(writes);
  }

  /** Settles when so little waits to be written that more may be appended. */
  async room(): Promise<void> {
    while (this.#pendingBytes > maxPendingBytes) await this.#writing;
  }

  /** Notes that `run` has no more output; once is enough. */
  async endRun(run: number): Promise<void> {
    const at = startOf(this.#accepted, run);
    if (at.ended) return;
    await this.#enqueue({ kind: 'end', run, atMs: Date.now() });
  }

  /** Writes what waits and lets go of the file; readers come to their end. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
    this.#announce();
  }

  #enqueue(record: OutputRecord): Promise<void> {
    if (this.#closed) return Promise.reject(new Error(`the output log ${this.folder} is closed`));
    const bytes = encodeRecord(record);
    const settled = Promise.withResolvers<void>();
    this.#pending.push({ bytes, record, settled });
    this.#pendingBytes += bytes.length;
    this.#accepted = advance(this.#accepted, record);
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return settled.promise;
  }

  async #writeAll(): Promise<void> {
    // Lets the appends of one turn share a write.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#write(batch);
        for (const { settled } of batch) settled.resolve();
      } catch (error) {
        this.#accepted = this.#stored;
        for (const { settled } of [...batch, ...this.#pending.splice(0)]) settled.reject(error);
        this.#pendingBytes = 0;
      }
    }
  }

  #takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { bytes: record } of this.#pending) {
      if (count > 0 && bytes + record.length > writeBytes) break;
      bytes += record.length;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    const file = await this.#currentFile();
    const bytes = Buffer.concat(batch.map((pending) => pending.bytes));
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, this.#bytes + done);
        done += bytesWritten;
      }
    } catch (cause) {
      // A reader must never meet half a record.
      await file.truncate(this.#bytes).catch(() => undefined);
      throw new Error(`writing the output log ${this.folder} failed`, { cause });
    }
    this.#bytes += bytes.length;
    this.#pendingBytes -= bytes.length;
    for (const { record } of batch) this.#stored = advance(this.#stored, record);
    this.#announce();
  }

  async #currentFile(): Promise<FileHandle> {
    if (this.#segment > 0 && this.#bytes < this.#limits.segmentBytes) {
      this.#file ??= await open(segmentPath(this.folder, this.#segment), 'r+');
      return this.#file;
    }
    const next = this.#segment + 1;
    const file = await open(segmentPath(this.folder, next), 'w', 0o600);
    const start = encodeRecord({ kind: 'position', position: this.#stored });
    await file.write(start, 0, start.length, 0);
    await this.#file?.close();
    this.#file = file;
    this.#segment = next;
    this.#bytes = start.length;
    while (next - this.#oldest >= this.#limits.segments) {
      await unlink(segmentPath(this.folder, this.#oldest)).catch(() => undefined);
      this.#oldest += 1;
    }
    return file;
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}
