import type { TarHeader } from '../src/tar-header.ts';
import { encodeTarHeader, tarEnd, tarPadding } from '../src/tar-writer.ts';

/** An entry of an archive that a test makes. */
export interface TestEntry {
  readonly name: string;
  /** Default `file`. */
  readonly type?: TarHeader['type'];
  readonly content?: Uint8Array | string;
  readonly linkName?: string;
}

/** The entry without the archive's end. */
export function tarEntry({ name, type = 'file', content = '', linkName = '' }: TestEntry): Buffer {
  const bytes = Buffer.from(content);
  const header = encodeTarHeader({
    name,
    type,
    linkName,
    size: bytes.length,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
  });
  return Buffer.concat([header, bytes, tarPadding(bytes.length)]);
}

/** A whole archive. */
export function tarBytes(entries: readonly TestEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), tarEnd]);
}

/** The bytes in pieces, as they come from a socket. */
export async function* inPieces(bytes: Uint8Array, size = 64 << 10): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
