import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { ControlService, type DialNetworkSocketStart } from '@protect/proto/control';
import { listenOnUnixSocket, type UnixListener } from '@protect/service/unix-listener';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../bin/protect', import.meta.url));
const zoneId = '6f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f';

let folder = '';
let url = '';
let listener: UnixListener;
let dialled: DialNetworkSocketStart[];

/** A zone whose port 7 sends back all it got when that has ended, and whose other ports are closed. */
function routes(router: ConnectRouter): void {
  router.service(ControlService, {
    async *dialNetworkSocket(requests) {
      const got: Uint8Array[] = [];
      for await (const { request } of requests) {
        if (request.case === 'start') dialled.push(request.value);
        if (dialled.at(-1)?.port !== 7) throw new ConnectError('connection refused', Code.Unavailable);
        if (request.case === 'data') got.push(request.value.content);
      }
      yield { data: { content: Buffer.concat([...got, Buffer.from('.')]) } };
    },
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-cli-'));
  dialled = [];
  const path = join(folder, 'daemon.socket');
  url = `unix://${path}`;
  listener = await listenOnUnixSocket({ path, mode: 0o600, routes });
});

afterEach(async () => {
  await listener.close(0);
  await rm(folder, { recursive: true, force: true });
});

test('standard input and output are a connection, whose halves end on their own', async () => {
  const input = 'x'.repeat(300_000);
  const { stdout } = await execa(bin, ['-c', url, 'zone', 'dial', zoneId, '10.75.0.5:7'], { input });
  expect(stdout).toBe(`${input}.`);
  expect(dialled).toMatchObject([{ zoneId, address: '10.75.0.5', port: 7 }]);
});

test('a port that is closed is told in one line', async () => {
  const result = await execa(bin, ['-c', url, 'zone', 'dial', zoneId, '8'], { reject: false, input: '' });
  expect(result).toMatchObject({
    exitCode: 1,
    stderr: 'error: zone dial: connection refused (unavailable)',
  });
});

test('a port of this host carries any number of connections, until it is interrupted', async () => {
  const child = spawn(bin, ['-c', url, 'zone', 'dial', zoneId, '7', '--listen', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += String(chunk);
  });
  try {
    await expect.poll(() => told, { timeout: 20_000 }).toMatch(/listening on 127\.0\.0\.1:[0-9]+; /);
    const port = Number(/:([0-9]+);/.exec(told)?.[1]);
    const sockets = ['one', 'two'].map((word) => connect(port, '127.0.0.1').end(word));
    expect(await Promise.all(sockets.map((socket) => text(socket)))).toEqual(['one.', 'two.']);
  } finally {
    child.kill('SIGINT');
  }
  const [, signal] = await once(child, 'exit');
  expect(signal).toBe('SIGINT');
});
