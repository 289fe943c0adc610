/** One entry of a ramdisk; paths are relative to its root. */
export type NewcEntry = { readonly path: string } & (
  | { readonly type: 'directory' }
  | { readonly type: 'file'; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly type: 'symlink'; readonly target: string }
  | {
      readonly type: 'character-device';
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    }
);

const alignment = 4;

/**
 * A cpio archive in the kernel's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst), owned by
 * root, with times of zero: the same entries give the same bytes.
 */
export function encodeNewc(entries: readonly NewcEntry[]): Buffer {
  const records = entries.map((entry, index) => encodeEntry(entry, index + 1));
  return Buffer.concat([...records, record({ path: 'TRAILER!!!', inode: 0, mode: 0, links: 1 })]);
}

function encodeEntry(entry: NewcEntry, inode: number): Buffer {
  const { path } = entry;
  switch (entry.type) {
    case 'directory':
      return record({ path, inode, mode: 0o040755, links: 2 });
    case 'file':
      return record({ path, inode, mode: 0o100000 | entry.mode, links: 1, body: entry.bytes });
    case 'symlink':
      return record({ path, inode, mode: 0o120777, links: 1, body: Buffer.from(entry.target) });
    case 'character-device':
      return record({
        path,
        inode,
        mode: 0o020000 | entry.mode,
        links: 1,
        device: [entry.major, entry.minor],
      });
  }
}

function record(fields: {
  path: string;
  inode: number;
  mode: number;
  links: number;
  body?: Uint8Array;
  device?: readonly [number, number];
}): Buffer {
  const body = fields.body ?? new Uint8Array(0);
  const name = Buffer.from(`${fields.path}\0`);
  const [major, minor] = fields.device ?? [0, 0];
  const numbers = [
    fields.inode,
    fields.mode,
    0,
    0,
    fields.links,
    0,
    body.length,
    0,
    0,
    major,
    minor,
    name.length,
    0,
  ];
  const header = Buffer.from(`070701${numbers.map((value) => value.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(body)]);
}

function padded(bytes: Uint8Array): Uint8Array {
  const missing = (alignment - (bytes.length % alignment)) % alignment;
  return missing === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(missing)]);
}
