import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFakeDaemon } from './fake-daemon.ts';
import { runProtect } from './run-protect.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-config-check-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** `protect host config check` where the daemon's socket is, or would be, in `folder`. */
function check(...args: readonly string[]) {
  return runProtect(createFakeDaemon(), ['host', 'config', 'check', ...args], {
    socketPath: join(folder, 'daemon.socket'),
  });
}

test('a valid file is said to be valid', async () => {
  const file = join(folder, 'other.toml');
  await writeFile(file, '[zone]\nmemory-limit-mb = 512\n');
  expect(await check(file)).toEqual({ exitCode: 0, stdout: `${file}: valid\n`, stderr: '' });
  expect(JSON.parse((await check(file, '-o', 'json')).stdout)).toEqual({ file, valid: true, problems: [] });
});

test('every mistake is a line, also what the host lacks, and the exit code is the daemon’s', async () => {
  const file = join(folder, 'daemon.toml');
  await writeFile(file, '[zone]\nmemory-limit-mb = 1\n[block.devices.a]\npath = "/dev/none-such"\n[zones]\n');
  const { exitCode, stdout, stderr } = await check();
  expect({ exitCode, stderr }).toEqual({ exitCode: 78, stderr: '' });
  expect(stdout.replaceAll(folder, '').split('\n')).toEqual([
    '/daemon.toml:2: zone.memory-limit-mb = 1: must be a whole number from 64 to 16777216 (MiB)',
    '/daemon.toml:4: block.devices.a.path = "/dev/none-such": does not exist on this host; attach the device or take the entry out',
    '/daemon.toml:5: zones = a table: unknown key; did you mean zone?',
    '',
  ]);
});

test('programs get the same as JSON', async () => {
  const file = join(folder, 'daemon.toml');
  await writeFile(file, '[zone]\nmemory-limit-mb =\n');
  const { exitCode, stdout } = await check('-o', 'json');
  expect(exitCode).toBe(78);
  expect(JSON.parse(stdout)).toEqual({
    file,
    valid: false,
    problems: [
      {
        file,
        line: 2,
        column: expect.any(Number),
        key: '',
        message: expect.stringMatching(/^not valid TOML/),
      },
    ],
  });
});

test('a state folder without a file is told how to get one', async () => {
  const { exitCode, stdout } = await check();
  expect(exitCode).toBe(78);
  expect(stdout).toBe(
    `${join(folder, 'daemon.toml')}: there is no such file; start protect-daemon once to have it written\n`,
  );
});
