import { ByteReader } from './byte-reader.ts';
import { ImageError } from './image-error.ts';
import {
  decodeTarHeader,
  type RawTarHeader,
  type TarEntryType,
  type TarHeader,
  tarBlockBytes,
} from './tar-header.ts';

/** Bound on one extension header: long names and all extended attributes of one entry. */
export const maxTarExtensionBytes = 1 << 20;

/** One entry and its content, which is skipped unless read before the next entry is asked for. */
export interface TarEntry {
  readonly header: TarHeader;
  /** Where the content begins, in bytes from the archive's first. */
  readonly offset: number;
  readonly content: AsyncIterable<Uint8Array>;
}

interface Extensions {
  readonly pax: Map<string, string>;
  name: string | undefined;
  linkName: string | undefined;
}

const typesByFlag: Readonly<Record<string, TarEntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hard-link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

/**
 * The entries of a tar archive (ustar, pax, GNU long names) in their order. Sparse files are refused; the whole
 * source is read even past the archive's end, so that a digest check behind it happens. `archive` names it in errors.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, archive: string): AsyncGenerator<TarEntry> {
  const reader = new ByteReader(source, archive);
  const globals = new Map<string, string>();
  let extensions: Extensions = { pax: new Map(), name: undefined, linkName: undefined };
  try {
    for (;;) {
      const block = await reader.exactly(tarBlockBytes);
      const raw = block && decodeTarHeader(block, archive);
      if (raw === undefined) break;
      if (await readExtension(reader, raw, globals, extensions, archive)) continue;
      const header = toHeader(raw, globals, extensions, archive);
      extensions = { pax: new Map(), name: undefined, linkName: undefined };
      let unread = header.size;
      const content = async function* () {
        for await (const piece of reader.upTo(unread)) {
          unread -= piece.length;
          yield piece;
        }
      };
      yield { header, offset: reader.position, content: content() };
      const padding = (tarBlockBytes - (header.size % tarBlockBytes)) % tarBlockBytes;
      for await (const _ of reader.upTo(unread + padding));
    }
    await reader.drain();
  } finally {
    await reader.close();
  }
}

/** Takes in a header that describes the next entry rather than being one; false when `raw` is an entry. */
async function readExtension(
  reader: ByteReader,
  raw: RawTarHeader,
  globals: Map<string, string>,
  extensions: Extensions,
  archive: string,
): Promise<boolean> {
  if (!'xgLK'.includes(raw.typeFlag)) return false;
  if (raw.size > maxTarExtensionBytes) {
    throw new ImageError(
      'limit',
      `${archive} has an extension header of ${raw.size} bytes; at most ${maxTarExtensionBytes}`,
    );
  }
  const padded = Math.ceil(raw.size / tarBlockBytes) * tarBlockBytes;
  const body = padded === 0 ? Buffer.alloc(0) : await reader.exactly(padded);
  const bytes = (body ?? Buffer.alloc(0)).toString('latin1', 0, raw.size);
  if (raw.typeFlag === 'L') extensions.name = bytes.replace(/\0.*$/s, '');
  else if (raw.typeFlag === 'K') extensions.linkName = bytes.replace(/\0.*$/s, '');
  else parsePax(bytes, raw.typeFlag === 'g' ? globals : extensions.pax, archive);
  return true;
}

/** Records of the form `LENGTH NAME=VALUE\n`, where LENGTH counts all of it. */
function parsePax(bytes: string, into: Map<string, string>, archive: string): void {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(' ', at);
    const length = Number(bytes.slice(at, space));
    const equals = bytes.indexOf('=', space);
    const end = at + length;
    if (space === -1 || !(length > 0) || equals === -1 || equals >= end || bytes[end - 1] !== '\n') {
      throw new ImageError('broken', `${archive} is damaged: an extended header is malformed`);
    }
    into.set(bytes.slice(space + 1, equals), bytes.slice(equals + 1, end - 1));
    at = end;
  }
}

function toHeader(
  raw: RawTarHeader,
  globals: ReadonlyMap<string, string>,
  extensions: Extensions,
  archive: string,
): TarHeader {
  const pax = new Map([...globals, ...extensions.pax]);
  const name = pax.get('path') ?? extensions.name ?? raw.name;
  const shown = JSON.stringify(name);
  if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse')) || raw.typeFlag === 'S') {
    throw new ImageError(
      'unsupported',
      `${archive} stores ${shown} as a sparse file, which is not supported`,
    );
  }
  const flagged = typesByFlag[raw.typeFlag];
  if (flagged === undefined) {
    throw new ImageError(
      'unsupported',
      `${archive} has an entry ${shown} of unknown type ${JSON.stringify(raw.typeFlag)}`,
    );
  }
  const type = flagged === 'file' && name.endsWith('/') ? 'directory' : flagged;
  const numeric = (key: string, otherwise: number) => {
    const value = Number(pax.get(key) ?? otherwise);
    if (Number.isFinite(value)) return value;
    throw new ImageError('broken', `${archive} is damaged: ${key} of ${shown} is no number`);
  };
  const size = numeric('size', raw.size);
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new ImageError('broken', `${archive} is damaged: ${shown} has an impossible size`);
  }
  if (size > 0 && type !== 'file' && type !== 'directory') {
    // POSIX lets a hard link carry content; no image tool writes such a link, and readers disagree on it.
    if (type !== 'hard-link' || size !== raw.size) {
      throw new ImageError('broken', `${archive} is damaged: ${shown} is a ${type} with content`);
    }
  }
  return {
    name,
    type,
    mode: raw.mode,
    uid: numeric('uid', raw.uid),
    gid: numeric('gid', raw.gid),
    size: type === 'file' ? size : 0,
    mtime: numeric('mtime', raw.mtime),
    linkName: pax.get('linkpath') ?? extensions.linkName ?? raw.linkName,
    deviceMajor: raw.deviceMajor,
    deviceMinor: raw.deviceMinor,
    xattrs: xattrsOf(pax),
  };
}

function xattrsOf(pax: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const prefix = 'SCHILY.xattr.';
  const found = new Map<string, string>();
  for (const [key, value] of pax) if (key.startsWith(prefix)) found.set(key.slice(prefix.length), value);
  return found;
}
