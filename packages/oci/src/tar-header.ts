import { ImageError } from './image-error.ts';

/** Size of a tar header and unit of padding. */
export const tarBlockBytes = 512;

export type TarEntryType =
  | 'file'
  | 'hard-link'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo';

/**
 * One entry of a tar archive. Every string holds bytes, one per character (latin1), so that names that are no UTF-8
 * and binary extended attributes come through unchanged.
 */
export interface TarHeader {
  /** As written in the archive, not yet normalised. */
  readonly name: string;
  readonly type: TarEntryType;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for all but files. */
  readonly size: number;
  /** Seconds since 1970, possibly with a fraction. */
  readonly mtime: number;
  /** Target of a hard link or symbolic link, else empty. */
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Extended attributes by name, such as `security.capability`. */
  readonly xattrs: ReadonlyMap<string, string>;
}

/** A header block as it stands, before extensions that precede it are applied. */
export interface RawTarHeader extends Omit<TarHeader, 'type' | 'xattrs'> {
  readonly typeFlag: string;
}

/** Decodes a header block, or gives undefined for a block of zeros, which ends an archive. */
export function decodeTarHeader(block: Buffer, archive: string): RawTarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (checksum(block) !== Number.parseInt(text(block, 148, 8), 8)) {
    throw new ImageError('broken', `${archive} is no tar archive or damaged: a header's checksum is wrong`);
  }
  const magic = block.toString('latin1', 257, 263);
  const prefix = magic === 'ustar\0' ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    typeFlag: String.fromCharCode(block[156] ?? 0),
    mode: number(block, 100, 8, archive) & 0o7777,
    uid: number(block, 108, 8, archive),
    gid: number(block, 116, 8, archive),
    size: number(block, 124, 12, archive),
    mtime: number(block, 136, 12, archive),
    linkName: text(block, 157, 100),
    deviceMajor: number(block, 329, 8, archive),
    deviceMinor: number(block, 337, 8, archive),
  };
}

/** Sum of all bytes of a header with its checksum field taken as spaces. */
export function checksum(block: Uint8Array): number {
  let sum = 8 * 32;
  for (let index = 0; index < tarBlockBytes; index++) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum;
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.toString('latin1', start, start + length);
  const end = field.indexOf('\0');
  return end === -1 ? field : field.slice(0, end);
}

/** An octal number, or GNU's big-endian binary one when the first bit is set. */
function number(block: Buffer, start: number, length: number, archive: string): number {
  const first = block[start] ?? 0;
  if (first === 0x80) {
    let value = 0;
    for (let index = start + 1; index < start + length; index++) value = value * 256 + (block[index] ?? 0);
    if (Number.isSafeInteger(value)) return value;
  }
  const octal = text(block, start, length).trim();
  if (octal === '') return 0;
  if (!/^[0-7]+$/.test(octal)) {
    throw new ImageError(
      'broken',
      `${archive} is damaged: a header holds ${JSON.stringify(octal)} for a number`,
    );
  }
  return Number.parseInt(octal, 8);
}
