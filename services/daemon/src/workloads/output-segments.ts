import { open, readdir, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  advance,
  decodeRecord,
  maxRecordBytes,
  type OutputPosition,
  recordHeaderBytes,
} from './output-frame.ts';

const segmentName = /^(\d{8})\.out$/;
const scanBytes = 1024 * 1024;

/** Path of the segment with this number. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(8, '0')}.out`);
}

/** Numbers of the segments in the folder, oldest first. */
export async function listSegments(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  const numbers = names.flatMap((name) => {
    const match = segmentName.exec(name);
    return match?.[1] === undefined ? [] : [Number(match[1])];
  });
  return numbers.sort((a, b) => a - b);
}

/** What the end of a log looked like when it was opened. */
export interface LogEnd {
  readonly segment: number;
  readonly bytes: number;
  readonly position: OutputPosition;
}

/**
 * Finds where the log ends. A torn tail (of a write that a crash cut short) is cut off; segments
 * without one whole record are deleted. Undefined when nothing is left.
 */
export async function recoverEnd(folder: string): Promise<LogEnd | undefined> {
  for (const segment of (await listSegments(folder)).reverse()) {
    const path = segmentPath(folder, segment);
    const scanned = await scanSegment(path);
    if (scanned.position === undefined) {
      await unlink(path);
      continue;
    }
    if (scanned.bytes < scanned.size) await truncate(path, scanned.bytes);
    return { segment, bytes: scanned.bytes, position: scanned.position };
  }
  return undefined;
}

interface Scan {
  /** Length of the whole records. */
  readonly bytes: number;
  readonly size: number;
  /** Undefined when there is no whole record. */
  readonly position: OutputPosition | undefined;
}

async function scanSegment(path: string): Promise<Scan> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const chunk = Buffer.allocUnsafe(scanBytes + recordHeaderBytes + maxRecordBytes);
  let position: OutputPosition | undefined;
  let bytes = 0;
  while (true) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, bytes);
    const view = chunk.subarray(0, bytesRead);
    let at = 0;
    for (let found = decodeRecord(view, at); found; found = decodeRecord(view, at)) {
      position = advance(position ?? { run: 0, stdout: 0, stderr: 0, ended: true }, found.record);
      at = found.next;
    }
    bytes += at;
    if (at === 0) return { bytes, size, position };
  }
}
