import { describe, expect, test } from 'vitest';
import { type DirectoryNode, lookUp, mergeLayers } from './image-tree.ts';
import type { TarEntryType, TarHeader } from './tar-header.ts';

function entry(name: string, type: TarEntryType = 'file', more: Partial<TarHeader> = {}): TarHeader {
  const plain = {
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
  };
  return { ...plain, xattrs: new Map(), name, type, ...more };
}

const directory = (name: string, more: Partial<TarHeader> = {}) =>
  entry(name, 'directory', { mode: 0o755, ...more });
const symlink = (name: string, linkName: string) => entry(name, 'symlink', { linkName });
const hardLink = (name: string, linkName: string) => entry(name, 'hard-link', { linkName });

function merge(...layers: TarHeader[][]): DirectoryNode {
  return mergeLayers(layers.map((headers, index) => ({ name: `layer ${index}`, headers })));
}

/** Paths with the layer that each leaf comes from; directories end in a slash. */
function paths(node: DirectoryNode, prefix = ''): string[] {
  return [...node.children].sort().flatMap(([name, child]) => {
    const path = `${prefix}${name}`;
    return child.type === 'leaf' ? [`${path} ${child.layer}`] : [`${path}/`, ...paths(child, `${path}/`)];
  });
}

describe('merged layers', () => {
  test('a later layer replaces a file and keeps its neighbours', () => {
    expect(paths(merge([directory('a'), entry('a/x'), entry('a/y')], [entry('a/x')]))).toEqual([
      'a/',
      'a/x 1',
      'a/y 0',
    ]);
  });

  test('a directory that is listed again gets the new attributes and keeps what is in it', () => {
    const root = merge([directory('a'), entry('a/x')], [directory('a', { mode: 0o700, uid: 5 })]);
    expect(paths(root)).toEqual(['a/', 'a/x 0']);
    expect(lookUp(root, 'a')).toMatchObject({ attributes: { mode: 0o700, uid: 5 } });
  });

  test('a file in the place of a directory hides all that was in it, and the other way round', () => {
    expect(paths(merge([directory('a'), entry('a/x')], [entry('a')]))).toEqual(['a 1']);
    expect(paths(merge([entry('a')], [directory('a'), entry('a/x')]))).toEqual(['a/', 'a/x 1']);
  });

  test('names may start with ./ or /, and the root itself only gives its attributes', () => {
    const root = merge([directory('./', { mode: 0o711 }), entry('./a'), entry('/b'), entry('c//./d')]);
    expect(paths(root)).toEqual(['a 0', 'b 0', 'c/', 'c/d 0']);
    expect(root.attributes.mode).toBe(0o711);
  });

  test('a whiteout removes a file or a whole directory of lower layers and is not itself seen', () => {
    const base = [directory('a'), entry('a/x'), directory('b'), entry('b/y')];
    expect(paths(merge(base, [entry('a/.wh.x'), entry('.wh.b')]))).toEqual(['a/']);
  });

  test('a whiteout never removes what its own layer adds, whichever comes first', () => {
    expect(paths(merge([entry('a')], [entry('a'), entry('.wh.a')]))).toEqual(['a 1']);
    expect(paths(merge([entry('a')], [entry('.wh.a'), entry('a')]))).toEqual(['a 1']);
  });

  test('an opaque marker empties a directory of lower layers and keeps what its own layer adds', () => {
    const base = [directory('a'), entry('a/x'), directory('a/d'), entry('a/d/y')];
    expect(paths(merge(base, [directory('a'), entry('a/new'), entry('a/.wh..wh..opq')]))).toEqual([
      'a/',
      'a/new 1',
    ]);
  });

  test('a whiteout of what does not exist is harmless', () => {
    expect(paths(merge([entry('a')], [entry('.wh.b'), entry('c/.wh.d'), entry('e/.wh..wh..opq')]))).toEqual([
      'a 0',
    ]);
  });

  test('hard links are one file, also when its first name is replaced or removed later', () => {
    const root = merge(
      [entry('a'), hardLink('b', 'a'), hardLink('c', './a')],
      [entry('a')],
      [entry('.wh.c')],
    );
    expect(paths(root)).toEqual(['a 1', 'b 0']);
    const linked = merge([entry('a'), hardLink('b', 'a')]);
    expect(linked.children.get('a')).toBe(linked.children.get('b'));
  });

  test('a hard link may name a file of a lower layer', () => {
    expect(paths(merge([entry('a')], [hardLink('b', 'a')]))).toEqual(['a 0', 'b 0']);
  });

  test('files below a symbolic link land where it points, inside the image', () => {
    const root = merge([directory('usr'), directory('usr/lib'), symlink('lib', 'usr/lib')], [entry('lib/x')]);
    expect(paths(root)).toEqual(['lib 0', 'usr/', 'usr/lib/', 'usr/lib/x 1']);
  });

  test('a symbolic link out of the image stays inside it', () => {
    const out = symlink('out', '../../../../etc');
    expect(paths(merge([out, symlink('abs', '/etc')], [entry('out/x'), entry('abs/y')]))).toEqual([
      'abs 0',
      'etc/',
      'etc/x 1',
      'etc/y 1',
      'out 0',
    ]);
  });

  test('a directory listed over a symbolic link replaces it', () => {
    expect(paths(merge([symlink('a', 'b')], [directory('a'), entry('a/x')]))).toEqual(['a/', 'a/x 1']);
  });

  test.each([
    ['..', [entry('../x')], 'contains ..'],
    ['a/../../x', [entry('a/../../x')], 'contains ..'],
    ['a hard link with ..', [entry('a'), hardLink('b', '../a')], 'contains ..'],
    ['a hard link to nothing', [hardLink('b', 'a')], 'does not exist'],
    ['a hard link to a directory', [directory('a'), hardLink('b', 'a')], 'is a directory'],
    ['a file as a parent', [entry('a'), entry('a/b')], 'not a directory'],
    ['a loop of symbolic links', [symlink('a', 'b'), symlink('b', 'a'), entry('a/x')], 'loop'],
    ['a name that is too long', [entry('x'.repeat(256))], 'impossible name'],
    ['a path that is too long', [entry('x/'.repeat(2049))], 'at most 4096'],
  ])('%s is refused', (_, headers, why) => {
    expect(() => merge(headers)).toThrow(
      expect.objectContaining({ kind: 'broken', message: expect.stringContaining(why) }),
    );
  });

  test('a lookup follows symbolic links inside the image and gives up on loops', () => {
    const root = merge([
      symlink('etc', 'real'),
      directory('real'),
      entry('real/passwd'),
      symlink('loop', 'loop'),
    ]);
    expect(lookUp(root, 'etc/passwd')).toMatchObject({ header: { name: 'real/passwd' } });
    expect(lookUp(root, 'loop/x')).toBeUndefined();
    expect(lookUp(root, 'etc/passwd/x')).toBeUndefined();
  });
});
