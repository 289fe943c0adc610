import { posix } from 'node:path';
import { ImageError } from './image-error.ts';
import { splitImagePath } from './image-path.ts';
import { readTar } from './tar-reader.ts';

/** Bound on the entries of one archive: a hundred images of a hundred layers have fewer. */
export const maxArchiveEntries = 65_536;

/** Links from one name to the next, until a file is met. */
const maxLinks = 8;

/** Where the bytes of a file lie within an archive. */
export interface Extent {
  /** Bytes from the archive's first. */
  readonly offset: number;
  readonly size: number;
}

/**
 * The files of a plain tar archive by path, links followed; all of `source` is read. A path that appears twice, leads
 * out of the archive or belongs to a device is refused; links to nothing are left out. `name` says in errors which
 * archive it is.
 */
export async function indexArchive(
  source: AsyncIterable<Uint8Array>,
  name: string,
): Promise<ReadonlyMap<string, Extent>> {
  const files = new Map<string, Extent>();
  const links = new Map<string, string>();
  let entries = 0;
  for await (const { header, offset } of readTar(source, name)) {
    if (++entries > maxArchiveEntries) {
      throw new ImageError('limit', `${name} has more than ${maxArchiveEntries} entries`);
    }
    const path = splitImagePath(header.name, name).join('/');
    if (header.type === 'directory') continue;
    if (files.has(path) || links.has(path)) {
      throw new ImageError('broken', `${name} has ${JSON.stringify(path)} twice; it may mean either`);
    }
    if (header.type === 'file') files.set(path, { offset, size: header.size });
    else if (header.type === 'hard-link') links.set(path, header.linkName);
    else if (header.type === 'symlink') links.set(path, posix.join(posix.dirname(path), header.linkName));
    else throw new ImageError('broken', `${name} has a ${header.type} ${JSON.stringify(path)}`);
  }
  const found = new Map(files);
  for (const path of links.keys()) {
    const extent = follow(path);
    if (extent !== undefined) found.set(path, extent);
  }
  return found;

  function follow(path: string): Extent | undefined {
    let at = path;
    for (let hop = 0; hop <= maxLinks; hop++) {
      const target = links.get(at);
      if (target === undefined) return files.get(at);
      at = splitImagePath(target, name).join('/');
    }
    throw new ImageError('broken', `${name} has a loop of links at ${JSON.stringify(path)}`);
  }
}
