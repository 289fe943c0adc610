import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { socketPath } from './connection.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-cli-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('the option goes before the environment, and that before everything found', () => {
  expect(socketPath('unix:///a', 'unix:///b', [])).toBe('/a');
  expect(socketPath(undefined, 'unix:///b', [])).toBe('/b');
  expect(socketPath('/plain/path', undefined, [])).toBe('/plain/path');
  expect(socketPath(undefined, '', [])).toBe('/var/lib/edera/protect/daemon.socket');
});

test("a checkout's own socket is the default where there is one", async () => {
  const path = join(folder, '.protect', 'daemon.socket');
  await mkdir(join(folder, '.protect'));
  expect(socketPath(undefined, undefined, [folder])).toBe('/var/lib/edera/protect/daemon.socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  expect(socketPath(undefined, undefined, ['/nonexistent', folder])).toBe(path);
  await new Promise((resolve) => server.close(resolve));
});

test('any other kind of connection is a mistake in usage', () => {
  expect(() => socketPath('tcp://localhost:1', undefined, [])).toThrow('only unix sockets are supported');
  expect(() => socketPath('relative/path', undefined, [])).toThrow('write it as unix:///var/lib');
});
