import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WorkloadState, ZoneState } from '@protect/proto/control-common';
import { listenOnUnixSocket, type UnixListener } from '@protect/service/unix-listener';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  addWorkload,
  addZone,
  createFakeDaemon,
  type FakeDaemon,
  workloadId,
  zoneId,
} from './fake-daemon.ts';

const bin = fileURLToPath(new URL('../bin/protect', import.meta.url));

let folder = '';
let socket = '';
let daemon: FakeDaemon;
let listener: UnixListener;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-cli-'));
  socket = join(folder, 'daemon.socket');
  daemon = createFakeDaemon();
  addZone(daemon, { id: zoneId, name: 'web', state: ZoneState.READY });
  addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
  listener = await listenOnUnixSocket({ path: socket, mode: 0o600, routes: daemon.routes });
});

afterEach(async () => {
  await listener.close(0);
  await rm(folder, { recursive: true, force: true });
});

function protect(
  args: readonly string[],
  options: { input?: string; env?: Record<string, string>; file?: string } = {},
) {
  return execa(options.file ?? bin, ['-c', `unix://${socket}`, ...args], {
    reject: false,
    timeout: 30_000,
    stripFinalNewline: false,
    env: { NO_COLOR: '1', ...options.env },
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
}

test('the launcher finds its own Node through a link, whatever node is on the PATH', async () => {
  await writeFile(join(folder, 'node'), '#!/bin/sh\necho wrong node >&2\nexit 9\n');
  await chmod(join(folder, 'node'), 0o755);
  await symlink(bin, join(folder, 'protect'));
  const result = await protect(['zone', 'resolve', 'web'], {
    file: join(folder, 'protect'),
    env: { PATH: `${folder}:/usr/bin:/bin` },
  });
  expect(result).toMatchObject({ exitCode: 0, stdout: `${zoneId}\n`, stderr: '' });
});

test('the environment names the daemon when no option does', async () => {
  const result = await execa(bin, ['zone', 'resolve', 'web'], {
    env: { PROTECT_CONNECTION: `unix://${socket}` },
    timeout: 30_000,
  });
  expect(result.stdout).toBe(zoneId);
});

test('input, output and the exit code of a command come through the socket', async () => {
  daemon.exitCode = 17;
  const result = await protect(['workload', 'exec', 'hello', 'cat'], { input: 'typed' });
  expect(result).toMatchObject({ exitCode: 17, stdout: 'out\n', stderr: 'err\n' });
  expect(daemon.input).toEqual(['typed', '']);
});

test('a daemon that is not there is told in one line', async () => {
  const absent = await execa(bin, ['-c', `unix://${folder}/none.socket`, 'zone', 'list'], { reject: false });
  expect(absent).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: `error: zone list: cannot reach the daemon at unix://${folder}/none.socket: there is no such socket; start it with "systemctl start protect-daemon" ("npm start -- --keep" in a checkout), or name its socket with --connection`,
  });
});

test('a daemon that goes away in the middle is told in one line', async () => {
  const started = Promise.withResolvers<void>();
  daemon.console = async function* () {
    yield { stdout: Buffer.from('before\n') };
    started.resolve();
    await new Promise(() => {});
  };
  const running = protect(['workload', 'attach', 'hello']);
  await started.promise;
  await listener.close(100);
  const { exitCode, stdout, stderr } = await running;
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: 'before\n' });
  expect(stderr).toMatch(/^error: workload attach: [^\n]+\n$/);
});

test('much output arrives whole, and a reader that has seen enough ends the command quietly', async () => {
  const piece = Buffer.alloc(64 * 1024, 'x');
  daemon.console = async function* () {
    for (let sent = 0; sent < 512; sent++) yield { stdout: piece };
  };
  const whole = spawn(bin, ['-c', `unix://${socket}`, 'workload', 'logs', '-f', 'hello'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let bytes = 0;
  for await (const chunk of whole.stdout) bytes += chunk.length;
  expect(bytes).toBe(512 * piece.length);

  addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
  const child = spawn(bin, ['-c', `unix://${socket}`, 'workload', 'logs', '-f', 'hello'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'exit');
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
});

test('on a terminal, keys go through raw, its size is told, and Ctrl-] leaves it with status 0', async () => {
  // Would be ours if leaving were taken for the workload's end.
  daemon.exitCode = 9;
  daemon.console = async function* (requests) {
    yield { stdout: Buffer.from('prompt> ') };
    for await (const { stdin } of requests) {
      if (stdin.length === 0) continue;
      daemon.input.push(Buffer.from(stdin).toString());
      yield { stdout: Buffer.from(`[${Buffer.from(stdin).toString('hex')}]`) };
    }
  };
  addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING, tty: true });
  const child = spawn(
    'script',
    ['-qefc', `stty rows 33 cols 99; ${bin} -c unix://${socket} workload attach hello`, '/dev/null'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  let screen = '';
  const seen = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!screen.includes(text)) return;
        child.stdout.off('data', look);
        resolve();
      };
      child.stdout.on('data', look);
      look();
    });
  child.stdout.on('data', (chunk) => {
    screen += String(chunk);
  });
  await seen('prompt> ');
  child.stdin.write('\x03');
  await seen('[03]');
  child.stdin.write('\x1d');
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
  expect(daemon.input.join('')).toBe('\x03');
});

test('exec -t tells the size of the terminal', async () => {
  const child = spawn(
    'script',
    ['-qefc', `stty rows 33 cols 99; ${bin} -c unix://${socket} zone exec -t web sh`, '/dev/null'],
    { stdio: ['pipe', 'ignore', 'inherit'] },
  );
  await expect.poll(() => daemon.commands.length, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(daemon.commands[0]?.request).toMatchObject({
    value: { process: { tty: true, terminalSize: { rows: 33, columns: 99 } } },
  });
  child.kill();
  await once(child, 'exit');
});
