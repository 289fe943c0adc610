import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inPieces, type TestEntry, tarBytes, tarEntry } from '../test/tar-bytes.ts';
import { indexArchive, maxArchiveEntries } from './archive-index.ts';

const index = (entries: readonly TestEntry[]) => indexArchive(inPieces(tarBytes(entries)), 'the archive');
const name = fc.stringMatching(/^[a-z]{1,8}$/);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));

describe('the index of an archive', () => {
  test('tells where each file lies, however its bytes are cut', async () => {
    const files = fc.uniqueArray(fc.record({ name: path, content: fc.uint8Array({ maxLength: 2000 }) }), {
      selector: (file) => file.name,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), async (entries, piece) => {
        const bytes = tarBytes(entries);
        const found = await indexArchive(inPieces(bytes, piece), 'the archive');
        expect(found.size).toBe(entries.length);
        for (const entry of entries) {
          const { offset, size } = found.get(entry.name) ?? { offset: 0, size: -1 };
          expect(bytes.subarray(offset, offset + size)).toEqual(Buffer.from(entry.content));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('follows links of both kinds, and leaves out those to nothing', async () => {
    const found = await index([
      { name: './a/', type: 'directory' },
      { name: 'a/layer.tar', content: 'layer' },
      { name: 'b/layer.tar', type: 'symlink', linkName: '../a/layer.tar' },
      { name: 'c', type: 'hard-link', linkName: './b/layer.tar' },
      { name: 'd', type: 'symlink', linkName: 'nowhere' },
    ]);
    expect([...found.keys()]).toEqual(['a/layer.tar', 'b/layer.tar', 'c']);
    expect(new Set(found.values()).size).toBe(1);
  });

  test.each<[string, TestEntry[], RegExp]>([
    ['a path that leads out of it', [{ name: '../index.json' }], /contains \.\./],
    ['a link that leads out of it', [{ name: 'x', type: 'symlink', linkName: '../y' }], /contains \.\./],
    ['a path twice', [{ name: 'index.json' }, { name: './index.json' }], /"index.json" twice/],
    ['a device', [{ name: 'x', type: 'block-device' }], /block-device "x"/],
    [
      'links in a circle',
      [
        { name: 'x', type: 'symlink', linkName: 'y' },
        { name: 'y', type: 'symlink', linkName: 'x' },
      ],
      /loop of links/,
    ],
  ])('refuses an archive with %s', async (_, entries, message) => {
    const refusal = { kind: 'broken', message: expect.stringMatching(message) };
    await expect(index(entries)).rejects.toMatchObject(refusal);
  });

  test('refuses an archive of more entries than any image has', async () => {
    const folder = tarEntry({ name: 'x', type: 'directory' });
    const endless = async function* () {
      for (let count = 0; count <= maxArchiveEntries; count++) yield folder;
    };
    await expect(indexArchive(endless(), 'the archive')).rejects.toMatchObject({ kind: 'limit' });
  });
});
