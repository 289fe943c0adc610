import { type FileHandle, open } from 'node:fs/promises';
import { Wakeup } from '../events/wakeup.ts';
import { decodeRecord, maxRecordBytes, type OutputRecord, recordHeaderBytes } from './output-frame.ts';
import type { OutputLog } from './output-log.ts';
import { segmentPath } from './output-segments.ts';

const chunkBytes = 256 * 1024 + recordHeaderBytes + maxRecordBytes;

export interface ReadOptions {
  /** Asked at the end of the log: whether more may follow, so that it is worth to wait. */
  readonly mayFollow: () => boolean;
  /** Calls back when `mayFollow` may answer otherwise; the log's own news need not be among that. */
  readonly onChange?: (listener: () => void) => () => void;
  readonly signal: AbortSignal;
}

/**
 * The records of a log from its oldest kept one on. A reader that falls behind what is kept goes on
 * with the oldest there is; the offsets show the gap. Ends when the log is closed.
 */
export async function* readOutput(log: OutputLog, options: ReadOptions): AsyncGenerator<OutputRecord[]> {
  const { mayFollow, onChange, signal } = options;
  const wakeup = new Wakeup();
  const stops = [log.onNews(wakeup.wake), onChange?.(wakeup.wake)];
  signal.addEventListener('abort', wakeup.wake, { once: true });
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let segment = log.readableEnd.oldest;
  let at = 0;
  let file: FileHandle | undefined;
  try {
    while (!signal.aborted) {
      wakeup.reset();
      const follow = mayFollow();
      const closed = log.closed;
      const end = log.readableEnd;
      if (segment <= end.segment) {
        file ??= await openSegment(log, segment);
        if (file === undefined) {
          segment = Math.max(segment, log.readableEnd.oldest);
          continue;
        }
        const limit = segment === end.segment ? end.bytes : Number.POSITIVE_INFINITY;
        const { found, bytes } = await readRecords(file, chunk, at, limit);
        at += bytes;
        if (found.length > 0) {
          yield found;
          continue;
        }
        if (segment < end.segment) {
          await file.close();
          file = undefined;
          segment += 1;
          at = 0;
          continue;
        }
      }
      if (!follow || closed) return;
      await wakeup.wait();
    }
  } finally {
    signal.removeEventListener('abort', wakeup.wake);
    for (const stop of stops) stop?.();
    await file?.close();
  }
}

async function openSegment(log: OutputLog, segment: number): Promise<FileHandle | undefined> {
  try {
    return await open(segmentPath(log.folder, segment), 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readRecords(
  file: FileHandle,
  chunk: Buffer,
  at: number,
  limit: number,
): Promise<{ readonly found: OutputRecord[]; readonly bytes: number }> {
  const length = Math.min(chunk.length, limit - at);
  if (length <= 0) return { found: [], bytes: 0 };
  const { bytesRead } = await file.read(chunk, 0, length, at);
  const view = chunk.subarray(0, bytesRead);
  const found: OutputRecord[] = [];
  let bytes = 0;
  for (let next = decodeRecord(view, 0); next; next = decodeRecord(view, bytes)) {
    found.push(next.record);
    bytes = next.next;
  }
  return { found, bytes };
}
