import { execaSync } from 'execa';
import { describe, expect, test } from 'vitest';
import { completionScripts } from '../src/completion/scripts.ts';

const timeout = 10_000;

describe.each([
  ['bash', '-n'],
  ['zsh', '-n'],
  ['fish', '--no-execute'],
] as const)('the script for %s', (shell, option) => {
  test('is one that the shell can read', () => {
    const { failed, stderr } = execaSync(shell, [option], {
      input: completionScripts[shell],
      reject: false,
      timeout,
    });
    expect({ failed, stderr }).toEqual({ failed: false, stderr: '' });
  });
});
