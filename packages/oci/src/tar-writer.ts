import { checksum, type TarEntryType, type TarHeader, tarBlockBytes } from './tar-header.ts';

const flagsByType: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  'hard-link': '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

/** Largest values that fit a header's octal fields; larger ones go to an extended header. */
const maxShortNumber = 0o7777777;
const maxLongNumber = 0o77777777777;

/** The two blocks of zeros that end an archive. */
export const tarEnd: Uint8Array = Buffer.alloc(2 * tarBlockBytes);

/** Zeros that follow a file's content up to the next block. */
export function tarPadding(size: number): Uint8Array {
  return Buffer.alloc((tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes);
}

/**
 * A header as ustar, preceded by a pax header for what ustar cannot hold. Strings are bytes, one per character, and
 * are written as such. Times are whole seconds.
 */
export function encodeTarHeader(header: TarHeader): Buffer {
  const pax: [string, string][] = [];
  const text = (key: string, value: string, length: number) => {
    if (value.length > length) pax.push([key, value]);
    return value.slice(0, length);
  };
  const whole = (key: string, value: number, max: number) => {
    if (value <= max) return value;
    pax.push([key, String(value)]);
    return 0;
  };
  const name = header.type === 'directory' && !header.name.endsWith('/') ? `${header.name}/` : header.name;
  const short = {
    name: text('path', name, 100),
    linkName: text('linkpath', header.linkName, 100),
    uid: whole('uid', header.uid, maxShortNumber),
    gid: whole('gid', header.gid, maxShortNumber),
    size: whole('size', header.size, maxLongNumber),
  };
  for (const [key, value] of header.xattrs) pax.push([`SCHILY.xattr.${key}`, value]);
  const block = encodeBlock({ ...header, ...short }, flagsByType[header.type]);
  if (pax.length === 0) return block;
  const records = Buffer.from(pax.map(([key, value]) => paxRecord(key, value)).join(''), 'latin1');
  const extension = encodeBlock({ ...plainExtension, size: records.length }, 'x');
  return Buffer.concat([extension, records, tarPadding(records.length), block]);
}

const plainExtension = {
  name: 'PaxHeader',
  linkName: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  deviceMajor: 0,
  deviceMinor: 0,
};

function encodeBlock(fields: Omit<TarHeader, 'type' | 'xattrs'>, flag: string): Buffer {
  const block = Buffer.alloc(tarBlockBytes);
  const octal = (value: number, start: number, length: number) => {
    block.write(value.toString(8).padStart(length - 1, '0'), start, length - 1, 'latin1');
  };
  block.write(fields.name, 0, 100, 'latin1');
  octal(fields.mode, 100, 8);
  octal(fields.uid, 108, 8);
  octal(fields.gid, 116, 8);
  octal(fields.size, 124, 12);
  octal(wholeSeconds(fields.mtime), 136, 12);
  block.write(flag, 156, 1, 'latin1');
  block.write(fields.linkName, 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 8, 'latin1');
  octal(Math.min(fields.deviceMajor, maxShortNumber), 329, 8);
  octal(Math.min(fields.deviceMinor, maxShortNumber), 337, 8);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return block;
}

/** SquashFS keeps unsigned 32-bit seconds. */
function wholeSeconds(mtime: number): number {
  return Math.min(Math.max(Math.trunc(mtime), 0), 0xffffffff);
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}
