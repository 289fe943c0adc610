import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statePaths } from '@protect/config/paths';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareNatsServer } from '../src/server-config.ts';
import { startNatsServer } from '../src/server-process.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'protect "nats" \\ '));
});

afterEach(() => rm(root, { recursive: true, force: true }));

test('server configuration: only root reads it and the credentials', async () => {
  const paths = statePaths(root);
  await prepareNatsServer(paths);
  expect((await stat(paths.nats)).mode & 0o777).toBe(0o700);
  const names = (await readdir(paths.nats)).toSorted();
  expect(names).toEqual([
    'cri.json',
    'daemon.json',
    'jetstream',
    'network.json',
    'operator.json',
    'orchestrator.json',
    'reader.json',
    'server.conf',
    'server.json',
    'storage.json',
  ]);
  for (const name of names) {
    expect((await stat(join(paths.nats, name))).mode & 0o077).toBe(0);
  }
});

test('server configuration: preparing again changes nothing, running or not', async () => {
  const paths = statePaths(root);
  const address = await prepareNatsServer(paths);
  const before = await readFile(paths.natsServerConfig, 'utf8');
  expect(await prepareNatsServer(paths)).toEqual(address);
  const server = await startNatsServer(paths);
  try {
    expect(await prepareNatsServer(paths)).toEqual(address);
    expect(await readFile(paths.natsServerConfig, 'utf8')).toBe(before);
  } finally {
    await server.stop();
  }
});

test('server configuration: a port that somebody else has taken meanwhile is given up', async () => {
  const paths = statePaths(root);
  const { port } = await prepareNatsServer(paths);
  const other = createServer((socket) => socket.end('INFO {"server_name":"other"}\r\n'));
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  try {
    expect((await prepareNatsServer(paths)).port).not.toBe(port);
  } finally {
    other.close();
  }
});

test('server process: a configuration that nats-server does not take fails with what it says', async () => {
  const paths = statePaths(root);
  await prepareNatsServer(paths);
  const { writeFile } = await import('node:fs/promises');
  await writeFile(paths.natsServerConfig, '{ "listen": "nowhere:x" }');
  await expect(startNatsServer(paths)).rejects.toThrow(/nats-server ended \(exit 1\)/);
});
