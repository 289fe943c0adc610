import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, watch } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from '@connectrpc/connect';
import { type Bus, connectBus } from '@protect/bus/connection';
import { type Presence, watchPresence } from '@protect/bus/presence';
import { prepareNatsServer } from '@protect/bus/server-config';
import { type NatsServerProcess, startNatsServer } from '@protect/bus/server-process';
import { createBusTransport } from '@protect/bus/transport';
import { statePaths } from '@protect/config/paths';
import { HealthService } from '@protect/proto/health';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

const fixture = new URL('./fixture-service.ts', import.meta.url).pathname;
const logger = { debug() {}, info() {}, warn() {}, error() {} };

let root: string;
let nats: NatsServerProcess;
let daemon: Bus;
const stopping: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'protect-service-'));
  await prepareNatsServer(statePaths(root));
  nats = await startNatsServer(statePaths(root));
  daemon = await connectBus(statePaths(root), 'daemon', { signal: AbortSignal.timeout(10_000), logger });
});

afterEach(async () => {
  await Promise.all(stopping.splice(0).map((stop) => stop()));
});

afterAll(async () => {
  await daemon.close();
  await nats.stop();
  await rm(root, { recursive: true, force: true });
});

/** The fixture as a process, and what it logs. */
function launch(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [fixture, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  const errors: string[] = [];
  child.stderr.on('data', (data: Buffer) => errors.push(data.toString()));
  const lines: { msg?: string; level?: number; err?: { message?: string } }[] = [];
  let wake = () => {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line));
    wake();
  });
  // 'close' comes after the last line of output.
  const exited = once(child, 'close').then(([code, signal]) => {
    wake();
    return (code ?? signal) as number | string;
  });
  stopping.push(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    lines,
    /** What it has said on standard error. */
    complaint: () => errors.join(''),
    exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    async logged(message: string) {
      while (!lines.some(({ msg }) => msg === message)) {
        if (child.exitCode !== null) throw new Error(`ended without "${message}": ${JSON.stringify(lines)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** Settles when the file is there. */
async function appearance(path: string): Promise<void> {
  for await (const { filename } of watch(dirname(path), { signal: AbortSignal.timeout(10_000) })) {
    if (filename === basename(path)) return;
  }
}

function checkHealth() {
  const transport = createBusTransport(daemon, 'storage', { defaultTimeoutMs: 5_000 });
  return createClient(HealthService, transport).check({});
}

test('a service says that it is ready, answers after its health, announces itself, ends with 0 on SIGTERM', async () => {
  const { promise: announced, resolve } = Promise.withResolvers<Presence>();
  const end = watchPresence(daemon, resolve);
  await daemon.flush();
  const service = launch(['--state', root]);
  await service.logged('ready');
  expect(await announced).toMatchObject({ service: 'storage', version: '0.1.0' });
  end();
  const health = await checkHealth();
  expect(health).toMatchObject({ ready: true, version: '0.1.0' });
  expect(health.checks.map(({ name, ok }) => [name, ok])).toEqual([
    ['nats', true],
    ['configured', true],
  ]);
  expect(health.eventLoopDelayP99Ms).toBeLessThan(1_000);
  service.kill('SIGTERM');
  expect(await service.exited).toBe(0);
  expect(service.lines.map(({ msg }) => msg).slice(-4)).toEqual([
    'stopping',
    'disposing',
    'disposed',
    'stopped',
  ]);
});

test('a service that still starts answers that it is not ready, and can be ended', async () => {
  const service = launch(['--state', root, '--mode', 'slow-start']);
  await service.logged('in start');
  expect(await checkHealth()).toMatchObject({ ready: false });
  service.kill('SIGINT');
  expect(await service.exited).toBe(0);
});

test('a service waits for nats-server, and can be ended while it waits', async () => {
  const empty = join(root, 'empty');
  await mkdir(empty);
  const service = launch(['--state', empty]);
  await service.logged('waiting for nats-server');
  service.kill('SIGTERM');
  expect(await service.exited).toBe(0);
});

test('an unhandled rejection is logged with its cause and ends the service with 1', async () => {
  const service = launch(['--state', root, '--mode', 'unhandled-rejection']);
  expect(await service.exited).toBe(1);
  expect(service.lines.at(-1)).toMatchObject({
    level: 60,
    msg: 'unhandled rejection',
    err: { message: 'nobody waits for this' },
  });
});

test('an uncaught exception is logged and ends the service with 1', async () => {
  const service = launch(['--state', root, '--mode', 'uncaught-exception']);
  expect(await service.exited).toBe(1);
  expect(service.lines.at(-1)).toMatchObject({ level: 60, err: { message: 'thrown from a callback' } });
});

test('background work that fails is logged with its name and ends nothing', async () => {
  const service = launch(['--state', root, '--mode', 'background-failure']);
  await service.logged('ready');
  expect(service.lines).toContainEqual(
    expect.objectContaining({ task: 'tidying up', msg: 'a background task failed' }),
  );
  service.kill('SIGTERM');
  expect(await service.exited).toBe(0);
});

test.each([
  [['--mode', 'misconfigured'], 'daemon.toml: line 3: no such key'],
  [['--no-such-flag'], "Unknown option '--no-such-flag'"],
])('a configuration that cannot work ends with 78: %s', async (args, message) => {
  const service = launch(['--state', root, ...args]);
  expect(await service.exited).toBe(78);
  expect(service.lines.at(-1)?.err?.message).toContain(message);
});

test('a mistake in what is read first is told where NATS is away, in a form to be read', async () => {
  const away = join(root, 'away');
  await mkdir(away);
  const service = launch(['--state', away, '--mode', 'misconfigured-early']);
  expect(await service.exited).toBe(78);
  expect(service.lines.map(({ msg }) => msg)).toEqual(['the configuration cannot work']);
  expect(service.complaint()).toBe(
    'protect-storage: the configuration cannot work:\ndaemon.toml:3: no such key\n',
  );
});

test('a start that fails ends with 1', async () => {
  const service = launch(['--state', root, '--mode', 'broken']);
  expect(await service.exited).toBe(1);
  expect(service.lines.at(-1)?.err?.message).toContain('the disk is gone');
});

test('a shutdown that hangs is cut off after 10 s, with 1', async () => {
  const service = launch(['--state', root, '--mode', 'hanging-stop']);
  await service.logged('ready');
  const begun = performance.now();
  service.kill('SIGTERM');
  expect(await service.exited).toBe(1);
  expect(performance.now() - begun).toBeLessThan(11_500);
  expect(service.lines.at(-1)).toMatchObject({ level: 60, msg: 'shutdown took too long' });
});

test('a shutdown that fails in part is logged, and ends all the rest', async () => {
  const service = launch(['--state', root, '--mode', 'failing-stop']);
  await service.logged('ready');
  service.kill('SIGTERM');
  expect(await service.exited).toBe(0);
  expect(service.lines.map(({ msg }) => msg)).toContain('not all was stopped in order');
});

test('a supervisor that waits for it is told when the service is ready', async () => {
  const socket = join(root, 'notify');
  const listening = appearance(socket);
  const receiver = spawn('socat', ['-u', `UNIX-RECV:${socket}`, 'STDOUT'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(receiver, 'exit');
  stopping.push(async () => {
    receiver.kill('SIGKILL');
    await gone;
  });
  await listening;
  let told = '';
  receiver.stdout.on('data', (data: Buffer) => {
    told += data.toString();
  });
  const service = launch(['--state', root], { NOTIFY_SOCKET: socket });
  await service.logged('ready');
  service.kill('SIGTERM');
  expect(await service.exited).toBe(0);
  expect(told).toContain('READY=1');
  expect(told).toContain('STOPPING=1');
});
