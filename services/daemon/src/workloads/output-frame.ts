import { crc32 } from 'node:zlib';

export type OutputStreamName = 'stdout' | 'stderr';

/** How far the output of one run is stored. */
export interface OutputPosition {
  readonly run: number;
  readonly stdout: number;
  readonly stderr: number;
  /** True when no more output of this run follows. */
  readonly ended: boolean;
}

/** One record of an output log. Offsets count the bytes of one stream of one run. */
export type OutputRecord =
  | {
      readonly kind: OutputStreamName;
      readonly run: number;
      readonly offset: number;
      readonly atMs: number;
      readonly data: Uint8Array;
    }
  /** The run has no more output. */
  | { readonly kind: 'end'; readonly run: number; readonly atMs: number }
  /** Where the log stood when a segment began. */
  | { readonly kind: 'position'; readonly position: OutputPosition };

/** Largest payload of one record; longer output takes several. */
export const maxRecordBytes = 64 * 1024;

/**
 * kind u8, run u32, offset u64, time in ms u64, payload length u32, CRC-32 of all that and the payload;
 * little endian.
 */
export const recordHeaderBytes = 29;
const crcAt = 25;

const codes = { stdout: 1, stderr: 2, end: 3, position: 4 } as const;

/** One record as it is written: its header and, uncopied, its payload. */
export interface EncodedRecord {
  readonly header: Buffer;
  readonly payload: Uint8Array;
}

/** The bytes of one record. */
export function encodeRecord(record: OutputRecord): EncodedRecord {
  const payload = payloadOf(record);
  if (payload.length > maxRecordBytes) throw new RangeError(`record of ${payload.length} bytes`);
  const header = Buffer.allocUnsafe(recordHeaderBytes);
  const isPosition = record.kind === 'position';
  header.writeUInt8(codes[record.kind], 0);
  header.writeUInt32LE(isPosition ? record.position.run : record.run, 1);
  header.writeBigUInt64LE(BigInt('offset' in record ? record.offset : 0), 5);
  header.writeBigUInt64LE(BigInt(isPosition ? 0 : record.atMs), 13);
  header.writeUInt32LE(payload.length, 21);
  header.writeUInt32LE(checksum(header, payload), crcAt);
  return { header, payload };
}

function payloadOf(record: OutputRecord): Uint8Array {
  if (record.kind === 'end') return new Uint8Array();
  if (record.kind !== 'position') return record.data;
  const { stdout, stderr, ended } = record.position;
  const bytes = Buffer.allocUnsafe(17);
  bytes.writeBigUInt64LE(BigInt(stdout), 0);
  bytes.writeBigUInt64LE(BigInt(stderr), 8);
  bytes.writeUInt8(ended ? 1 : 0, 16);
  return bytes;
}

/**
 * The record that starts at `at` and the place after it; undefined when the bytes there are no whole
 * record with the right checksum.
 */
export function decodeRecord(
  bytes: Buffer,
  at: number,
): { readonly record: OutputRecord; readonly next: number } | undefined {
  if (bytes.length - at < recordHeaderBytes) return undefined;
  const length = bytes.readUInt32LE(at + 21);
  const next = at + recordHeaderBytes + length;
  if (length > maxRecordBytes || next > bytes.length) return undefined;
  const payload = bytes.subarray(at + recordHeaderBytes, next);
  if (bytes.readUInt32LE(at + crcAt) !== checksum(bytes.subarray(at, next), payload)) return undefined;
  const run = bytes.readUInt32LE(at + 1);
  const offset = Number(bytes.readBigUInt64LE(at + 5));
  const atMs = Number(bytes.readBigUInt64LE(at + 13));
  const data = Uint8Array.from(payload);
  switch (bytes.readUInt8(at)) {
    case codes.stdout:
      return { record: { kind: 'stdout', run, offset, atMs, data }, next };
    case codes.stderr:
      return { record: { kind: 'stderr', run, offset, atMs, data }, next };
    case codes.end:
      return { record: { kind: 'end', run, atMs }, next };
    case codes.position: {
      if (length !== 17) return undefined;
      const stdout = Number(payload.readBigUInt64LE(0));
      const stderr = Number(payload.readBigUInt64LE(8));
      const position = { run, stdout, stderr, ended: payload.readUInt8(16) === 1 };
      return { record: { kind: 'position', position }, next };
    }
    default:
      return undefined;
  }
}

function checksum(frame: Buffer, payload: Uint8Array): number {
  return crc32(payload, crc32(frame.subarray(0, crcAt)));
}

/** The position after `record`, when it stood at `before`. */
export function advance(before: OutputPosition, record: OutputRecord): OutputPosition {
  if (record.kind === 'position') return record.position;
  if (record.kind === 'end') return { ...startOf(before, record.run), ended: true };
  const base = startOf(before, record.run);
  return { ...base, [record.kind]: record.offset + record.data.length };
}

/** `before` when it is of this run, else the beginning of the run. */
export function startOf(before: OutputPosition, run: number): OutputPosition {
  return before.run === run ? before : { run, stdout: 0, stderr: 0, ended: false };
}
