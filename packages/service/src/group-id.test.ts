import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { groupId } from './group-id.ts';

test('a group is found by its name or number, and by nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'protect-group-'));
  try {
    const file = join(folder, 'group');
    await writeFile(file, 'root:x:0:\nprotect:x:978:alice,bob\n+broken\nodd:x:-1:\n');
    expect(await groupId('protect', file)).toBe(978);
    expect(await groupId('978', file)).toBe(978);
    for (const unknown of ['prot', 'alice', 'odd', '', '-1']) {
      expect(await groupId(unknown, file)).toBeUndefined();
    }
    expect(await groupId('root')).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
