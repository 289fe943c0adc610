import type { FileHandle } from 'node:fs/promises';
import { ImageError } from './image-error.ts';

/** The compressed kernel inside a bzImage. */
export interface BzImagePayload {
  /** Position in the file, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly compression: 'gzip' | 'lz4' | 'zstd';
}

/** Enough of the file to hold every header that is looked at. */
const headBytes = 4096;

/**
 * Finds the payload of an x86 bzImage by its setup header; undefined when the file is an uncompressed ELF kernel
 * already. Offsets are those of Linux' Documentation/arch/x86/boot.rst, protocol 2.08 and later.
 */
export async function findPayload(file: FileHandle, name: string): Promise<BzImagePayload | undefined> {
  const { size } = await file.stat();
  const { buffer: head, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  if (head.toString('latin1', 0, 4) === '\x7fELF') return undefined;
  if (bytesRead < 0x250 || head.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    throw new ImageError('broken', `${name} is neither a bzImage nor an ELF kernel`);
  }
  const protocol = head.readUInt16LE(0x206);
  if (protocol < 0x0208) {
    throw new ImageError(
      'unsupported',
      `${name} has boot protocol ${protocol.toString(16)}; 2.08 or later is needed`,
    );
  }
  const setupSectors = head.readUInt8(0x1f1) || 4;
  const offset = (setupSectors + 1) * 512 + head.readUInt32LE(0x248);
  const length = head.readUInt32LE(0x24c);
  if (length < 8 || offset + length > size) {
    throw new ImageError(
      'broken',
      `${name} is cut off: its payload ends at ${offset + length}, the file at ${size}`,
    );
  }
  const { buffer: magic } = await file.read(Buffer.alloc(4), 0, 4, offset);
  switch (magic.readUInt32LE(0)) {
    case 0x184c2102:
      return { offset, length: length - trailerBytes, compression: 'lz4' };
    case 0xfd2fb528:
      return { offset, length: length - trailerBytes, compression: 'zstd' };
    default:
      if (magic.readUInt16LE(0) === 0x8b1f) return { offset, length, compression: 'gzip' };
      throw new ImageError('unsupported', `${name} is compressed with neither gzip, LZ4 nor zstd`);
  }
}

/** The kernel's build appends the uncompressed size, which is part of no LZ4 or zstd frame. */
const trailerBytes = 4;
