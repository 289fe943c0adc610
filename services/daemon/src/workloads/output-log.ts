import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import {
  advance,
  type EncodedRecord,
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

/** Records of one write; the kernel takes twice as many pieces. */
const writeRecords = 500;

interface Pending {
  readonly encoded: EncodedRecord;
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
    const encoded = encodeRecord(record);
    const settled = Promise.withResolvers<void>();
    this.#pending.push({ encoded, record, settled });
    this.#pendingBytes += sizeOf(encoded);
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
    for (const { encoded } of this.#pending) {
      const size = sizeOf(encoded);
      if (count > 0 && (bytes + size > writeBytes || count === writeRecords)) break;
      bytes += size;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    const file = await this.#currentFile();
    const parts = batch.flatMap(({ encoded }) => [encoded.header, encoded.payload]);
    const bytes = batch.reduce((sum, { encoded }) => sum + sizeOf(encoded), 0);
    try {
      await writeAll(file, parts, this.#bytes);
    } catch (cause) {
      // A reader must never meet half a record.
      await file.truncate(this.#bytes).catch(() => undefined);
      throw new Error(`writing the output log ${this.folder} failed`, { cause });
    }
    this.#bytes += bytes;
    this.#pendingBytes -= bytes;
    for (const { record } of batch) this.#stored = advance(this.#stored, record);
    this.#announce();
  }

  async #currentFile(): Promise<FileHandle> {
    if (this.#segment > 0 && this.#bytes < this.#limits.segmentBytes) {
      this.#file ??= await open(segmentPath(this.folder, this.#segment), 'r+');
      return this.#file;
    }
    const next = this.#segment + 1;
    const path = segmentPath(this.folder, next);
    const file = await open(path, 'w', 0o600);
    const start = encodeRecord({ kind: 'position', position: this.#stored });
    try {
      await writeAll(file, [start.header, start.payload], 0);
    } catch (cause) {
      // Not left to the garbage collector, which ends the process for it.
      await file.close();
      await unlink(path).catch(() => undefined);
      throw new Error(`beginning a segment of the output log ${this.folder} failed`, { cause });
    }
    await this.#file?.close();
    this.#file = file;
    this.#segment = next;
    this.#bytes = sizeOf(start);
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

function sizeOf({ header, payload }: EncodedRecord): number {
  return header.length + payload.length;
}

async function writeAll(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> {
  const rest = parts.filter((part) => part.length > 0);
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at);
    at += bytesWritten;
    let written = bytesWritten;
    const whole = rest.findIndex((part) => {
      if (part.length > written) return true;
      written -= part.length;
      return false;
    });
    const [begun] = rest.splice(0, whole === -1 ? rest.length : whole + 1).slice(-1);
    if (whole !== -1 && begun !== undefined) rest.unshift(begun.subarray(written));
  }
}
