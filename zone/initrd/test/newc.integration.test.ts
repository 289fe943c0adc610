import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { encodeNewc } from '../newc.ts';

test('a ramdisk archive is what cpio reads as such', () => {
  const archive = encodeNewc([
    { type: 'directory', path: 'bin' },
    { type: 'file', path: 'bin/tool', mode: 0o755, bytes: Buffer.from('12345') },
    { type: 'symlink', path: 'sh', target: 'bin/tool' },
    { type: 'character-device', path: 'null', mode: 0o666, major: 1, minor: 3 },
  ]);
  const cpio = (...args: string[]) =>
    execFileSync('cpio', [...args, '--quiet'], { input: archive, encoding: 'utf8' });
  const listed = cpio('-t', '-v', '-n').trim().split('\n');
  expect(listed.map((line) => line.replace(/\s+/g, ' '))).toEqual([
    'drwxr-xr-x 2 0 0 0 Jan 1 1970 bin',
    '-rwxr-xr-x 1 0 0 5 Jan 1 1970 bin/tool',
    'lrwxrwxrwx 1 0 0 8 Jan 1 1970 sh -> bin/tool',
    'crw-rw-rw- 1 0 0 1, 3 Jan 1 1970 null',
  ]);
  expect(cpio('-i', '--to-stdout', 'bin/tool')).toBe('12345');
});
