import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completionScripts } from '../src/completion/scripts.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'protect-completion-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each([
  ['bash', '-n'],
  ['zsh', '-n'],
  ['fish', '--no-execute'],
] as const)('the script for %s', (shell, option) => {
  test('is one that the shell can read', () => {
    const path = join(folder, shell);
    writeFileSync(path, completionScripts[shell]);
    const { failed, stderr } = execaSync(shell, [option, path], { reject: false, timeout: 10_000 });
    expect({ failed, stderr }).toEqual({ failed: false, stderr: '' });
  });
});
