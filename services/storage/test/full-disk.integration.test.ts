import { execFileSync } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('full disk: RESOURCE_EXHAUSTED, nothing half-made is left, and the service goes on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'protect-full-'));
  try {
    const script = join(import.meta.dirname, 'full-disk.ts');
    const output = execFileSync('unshare', ['--mount', process.execPath, script, folder], {
      encoding: 'utf8',
    });
    expect(JSON.parse(output)).toEqual({
      code: 'ResourceExhausted',
      message: expect.stringMatching(/the disk is full; free space/),
      left: [],
    });
  } finally {
    await rmdir(folder);
  }
});
