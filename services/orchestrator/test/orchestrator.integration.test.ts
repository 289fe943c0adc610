import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Bus, connectBus } from '@protect/bus/connection';
import { serveOnBus } from '@protect/bus/serve';
import { prepareNatsServer } from '@protect/bus/server-config';
import { type NatsServerProcess, startNatsServer } from '@protect/bus/server-process';
import { type StatePaths, statePaths } from '@protect/config/paths';
import { ControlService, WatchEventsReplySchema } from '@protect/proto/control';
import { type MetricNodeSchema, ZoneSchema, ZoneState } from '@protect/proto/control-common';
import { DaemonService } from '@protect/proto/daemon';
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

/** A zone of the fake daemon that never tells its metrics. */
const silentZone = 'silent';

const zoneTree: MessageInitShape<typeof MetricNodeSchema> = group('zone', [
  group('system', [
    group('memory', [number('total', 1000), number('used', 600), number('free', 300)]),
    group('cpu', [
      number('online', 1),
      group('0', [number('usage', 12.5), number('user', 2), number('system', 1.5), number('idle', 90)]),
    ]),
  ]),
  group('hypervisor', [
    group('cpu', [number('time', 7.25), number('online', 2)]),
    group('memory', [number('max', 2000), number('total', 1500)]),
  ]),
]);

function group(
  name: string,
  children: MessageInitShape<typeof MetricNodeSchema>[],
): MessageInitShape<typeof MetricNodeSchema> {
  return { name, children };
}

function number(name: string, value: number): MessageInitShape<typeof MetricNodeSchema> {
  return { name, value: { kind: { case: 'numberValue', value } } };
}

interface FakeDaemon {
  /** Tells all watchers that the zone is in this state now. */
  change(id: string, state: ZoneState): void;
  stop(): Promise<void>;
}

/** A daemon on the bus with these zones. */
async function startDaemon(zones: Readonly<Record<string, ZoneState>>): Promise<FakeDaemon> {
  const signal = AbortSignal.timeout(10_000);
  const bus: Bus = await connectBus(paths, 'daemon', { signal, logger: pino({ level: 'silent' }) });
  const zone = (id: string, state: ZoneState) =>
    create(ZoneSchema, {
      id,
      spec: {
        annotations: [
          { key: 'io.kubernetes.pod.namespace', value: 'shop' },
          { key: 'io.kubernetes.pod.name', value: `pod-${id}` },
        ],
      },
      status: { state, createdAt: timestampFromMs(1_000), readyAt: timestampFromMs(3_500) },
    });
  const waiting: (() => void)[] = [];
  const changes: { id: string; state: ZoneState }[] = [];
  await serveOnBus(bus, (router) => {
    router.service(HealthService, { check: () => ({ ready: true }) });
    router.service(DaemonService, {
      readZoneUsage: ({ zoneId }) =>
        zoneId === silentZone ? new Promise<never>(() => {}) : { root: zoneTree },
      readCounters: () => ({ idmPacketsSkippedSnoop: 3n, auditRecordsUnpublished: 5n }),
    });
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

async function metrics(page = '/metrics'): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${page}`);
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
  await expect.poll(() => metrics()).toMatch(/^health_check_total\{service="daemon",status="ok"\} [1-9]/m);
  const text = await metrics();
  expect(text).toMatch(/^health_check_total\{service="storage",status="unavailable"\} [1-9]/m);
  expect(text).toMatch(/^service_event_loop_delay_seconds\{service="daemon"\} \d/m);
  expect(text).not.toMatch(/^service_event_loop_delay_seconds\{service="storage"/m);
  expect(text).toMatch(/^health_check_total\{service="orchestrator",status="(ok|not_ready)"\} [1-9]/m);
});

test('each running zone has its own word and the hypervisor’s, with the pod that it is', async () => {
  daemon = await startDaemon({ a: ZoneState.READY, old: ZoneState.EXITED });
  await launch();
  await expect.poll(async () => zonesIn(await metrics(), 'ready')).toBe(1);
  const text = await metrics('/metrics/resource');
  const of = (id: string) => `zone_id="${id}",k8s_namespace="shop",k8s_pod="pod-${id}"`;
  expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    `zone_create_timestamp_milliseconds{${of('a')}} 1000`,
    `zone_create_timestamp_milliseconds{${of('old')}} 1000`,
    `zone_ready_timestamp_milliseconds{${of('a')}} 3500`,
    `zone_ready_timestamp_milliseconds{${of('old')}} 3500`,
    `zone_cpu_usage_percent{${of('a')},cpu="0"} 12.5`,
    `zone_cpu_usage_seconds_total{${of('a')},cpu="0"} 3.5`,
    `zone_memory_total_bytes{${of('a')}} 1000`,
    `zone_memory_free_bytes{${of('a')}} 300`,
    `zone_memory_used_bytes{${of('a')}} 600`,
    `hypervisor_cpu_usage_seconds_total{${of('a')}} 7.25`,
    `hypervisor_memory_max_bytes{${of('a')}} 2000`,
    `hypervisor_memory_total_bytes{${of('a')}} 1500`,
    `hypervisor_vcpus_online{${of('a')}} 2`,
    'zones_unread 0',
  ]);
});

test('zones that do not answer are left out, and hold up neither the others nor the scrape', async () => {
  const many = Array.from({ length: 40 }, (_, index) => [`zone-${index}`, ZoneState.READY] as const);
  daemon = await startDaemon({ [silentZone]: ZoneState.READY, ...Object.fromEntries(many) });
  await launch();
  await expect.poll(async () => zonesIn(await metrics(), 'ready')).toBe(41);
  const began = performance.now();
  const texts = await Promise.all([metrics('/metrics/resource'), metrics('/metrics/resource')]);
  expect(performance.now() - began).toBeLessThan(9_500);
  for (const text of texts) {
    expect(text.match(/^zone_memory_total_bytes\{/gm)).toHaveLength(40);
    expect(text).toContain('zones_unread 1\n');
    expect(text).not.toMatch(/^zone_memory_total_bytes\{zone_id="silent"/m);
  }
});

test('the host, NATS and what the daemon had to let go are told', async () => {
  daemon = await startDaemon({});
  await launch();
  await expect.poll(() => metrics(), { timeout: 10_000 }).toMatch(/^host_cpu_usage_percent\{cpu="0"\} \d/m);
  const text = await metrics();
  expect(text).toMatch(/^host_cpu_usage_seconds_total\{cpu="0",mode="user"\} [1-9]/m);
  expect(text).toMatch(/^host_memory_total_bytes [1-9]\d{8,}$/m);
  expect(text).toContain('\nnats_connected 1\n');
  expect(text).toContain('\ndaemon_audit_records_unpublished_total 5\n');
  expect(text).toContain('\ndaemon_idm_packets_skipped_total{listener="snoop"} 3\n');
});

/** Nothing, or a complaint about a unit that Edera's names have, or about a name that prom-client gives. */
const fixedByOthers =
  /^(|\w+_(percent|milliseconds) use base unit .*|orchestrator_nodejs_active_\w+_total .*)$/;

test('Prometheus takes both pages; it finds fault only with names that others have fixed', async () => {
  daemon = await startDaemon({ a: ZoneState.READY });
  await launch();
  await expect.poll(async () => zonesIn(await metrics(), 'ready')).toBe(1);
  await expect.poll(() => metrics(), { timeout: 10_000 }).toMatch(/^host_cpu_usage_percent\{/m);
  for (const page of ['/metrics', '/metrics/resource']) {
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await metrics(page) });
    const faults = String(stderr).trim().split('\n');
    // 3 is for faults alone; what is no metrics at all ends with 1.
    expect([0, 3]).toContain(status);
    for (const fault of faults) expect(fault).toMatch(fixedByOthers);
  }
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
