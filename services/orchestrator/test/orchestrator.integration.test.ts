import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { type Bus, connectBus } from '@protect/bus/connection';
import { serveOnBus } from '@protect/bus/serve';
import { prepareNatsServer } from '@protect/bus/server-config';
import { type NatsServerProcess, startNatsServer } from '@protect/bus/server-process';
import { type StatePaths, statePaths } from '@protect/config/paths';
import { ControlService, WatchEventsReplySchema } from '@protect/proto/control';
import { ZoneSchema, ZoneState } from '@protect/proto/control-common';
import { HealthService } from '@protect/proto/health';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LaunchedService, launchService } from '../../../packages/service/test/launch-service.ts';

const launcher = fileURLToPath(new URL('../bin/protect-orchestrator', import.meta.url));

let root = '';
let paths: StatePaths;
let nats: NatsServerProcess;
let orchestrator: LaunchedService | undefined;
let daemon: FakeDaemon | undefined;
let port = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'protect-orchestrator-'));
  paths = statePaths(root);
  await prepareNatsServer(paths);
  nats = await startNatsServer(paths);
  port = await freePort();
});

afterEach(async () => {
  await orchestrator?.[Symbol.asyncDispose]();
  await daemon?.stop();
  await nats.stop('SIGKILL');
  await rm(root, { recursive: true, force: true });
  orchestrator = undefined;
  daemon = undefined;
});

interface FakeDaemon {
  /** Tells all watchers that the zone is in this state now. */
  change(id: string, state: ZoneState): void;
  stop(): Promise<void>;
}

/** A daemon on the bus with these zones. */
async function startDaemon(zones: Readonly<Record<string, ZoneState>>): Promise<FakeDaemon> {
  const signal = AbortSignal.timeout(10_000);
  const bus: Bus = await connectBus(paths, 'daemon', { signal, logger: pino({ level: 'silent' }) });
  const zone = (id: string, state: ZoneState) => create(ZoneSchema, { id, status: { state } });
  const waiting: (() => void)[] = [];
  const changes: { id: string; state: ZoneState }[] = [];
  await serveOnBus(bus, (router) => {
    router.service(HealthService, { check: () => ({ ready: true }) });
    router.service(ControlService, {
      async *listZones() {
        yield { zones: Object.entries(zones).map(([id, state]) => zone(id, state)) };
      },
      async *watchEvents(_request, { signal: ended }) {
        for (let next = 0; !ended.aborted; ) {
          const change = changes[next];
          if (change === undefined) {
            await new Promise<void>((resolve) => {
              waiting.push(resolve);
              ended.addEventListener('abort', () => resolve(), { once: true });
            });
          } else {
            next++;
            const event = { case: 'zoneChanged' as const, value: { zone: zone(change.id, change.state) } };
            yield create(WatchEventsReplySchema, { event });
          }
        }
      },
    });
  });
  return {
    change(id, state) {
      changes.push({ id, state });
      for (const wake of waiting.splice(0)) wake();
    },
    stop: () => bus.close(),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function metrics(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
  return response.text();
}

function zonesIn(text: string, state: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`daemon_zones{state="${state}"} `));
  return line === undefined ? undefined : Number(line.split(' ')[1]);
}

async function launch(): Promise<void> {
  orchestrator = await launchService(launcher, [
    '--state',
    root,
    '--metrics-http-listen-addr',
    `127.0.0.1:${port}`,
  ]);
}

test('metrics show the daemon’s zones by state, and follow every change', async () => {
  daemon = await startDaemon({ a: ZoneState.READY, b: ZoneState.READY, c: ZoneState.CREATING });
  await launch();
  await expect.poll(async () => zonesIn(await metrics(), 'ready')).toBe(2);
  expect(zonesIn(await metrics(), 'creating')).toBe(1);
  expect(zonesIn(await metrics(), 'failed')).toBe(0);
  daemon.change('c', ZoneState.READY);
  daemon.change('a', ZoneState.FAILED);
  await expect.poll(async () => zonesIn(await metrics(), 'failed')).toBe(1);
  expect(zonesIn(await metrics(), 'ready')).toBe(2);
  expect(zonesIn(await metrics(), 'creating')).toBe(0);
});

test('health checks are counted by service and by how they went', async () => {
  daemon = await startDaemon({});
  await launch();
  await expect.poll(metrics).toMatch(/^health_check_total\{service="daemon",status="ok"\} [1-9]/m);
  const text = await metrics();
  expect(text).toMatch(/^health_check_total\{service="storage",status="unavailable"\} [1-9]/m);
  expect(text).toMatch(/^health_check_total\{service="orchestrator",status="(ok|not_ready)"\} [1-9]/m);
});

test('it starts without a daemon, follows one that comes, and shows no old numbers of one that went', async () => {
  await launch();
  expect(zonesIn(await metrics(), 'ready')).toBeUndefined();
  daemon = await startDaemon({ a: ZoneState.READY });
  await expect.poll(async () => zonesIn(await metrics(), 'ready'), { timeout: 20_000 }).toBe(1);
  await daemon.stop();
  daemon = undefined;
  await expect.poll(async () => zonesIn(await metrics(), 'ready'), { timeout: 50_000 }).toBeUndefined();
});

test('a port that is taken is a clear failure with exit code 1', async () => {
  const taken = createServer().listen(port, '127.0.0.1');
  await once(taken, 'listening');
  const child = spawn(launcher, ['--state', root, '--metrics-http-listen-addr', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  child.stdout.on('data', (chunk) => {
    log += String(chunk);
  });
  const [code] = await once(child, 'close');
  taken.close();
  expect(code).toBe(1);
  expect(log).toContain(`cannot serve metrics on 127.0.0.1:${port}`);
  expect(log).toContain('choose another with --metrics-http-listen-addr');
});

test('SIGTERM ends it in order', async () => {
  await launch();
  expect(await orchestrator?.end('SIGTERM')).toBe(0);
});
