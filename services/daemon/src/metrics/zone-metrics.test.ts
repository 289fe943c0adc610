import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type MetricsResponseSchema, type Response, ResponseSchema } from '@protect/proto/idm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { zoneMetricTree } from '../control/metric-nodes.ts';
import { type TestDaemon, type TestHost, testHost } from '../testing/test-daemon.ts';
import { askedZoneSpec } from '../zones/test-zone.ts';
import { createZoneMetrics } from './zone-metrics.ts';

const signal = new AbortController().signal;
const all = { processes: true };
let host: TestHost;
let daemon: TestDaemon;

beforeEach(async () => {
  host = await testHost();
  daemon = await host.daemon();
});

afterEach(async () => {
  await daemon[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
});

function metrics(value: MessageInitShape<typeof MetricsResponseSchema>): Response {
  return create(ResponseSchema, { response: { case: 'metrics', value } });
}

const done = create(ResponseSchema, { response: { case: 'done', value: {} } });

async function readyZone() {
  const id = await daemon.zones.create(askedZoneSpec());
  await daemon.supervisor.whenReady(id, signal);
  return id;
}

test('the tree has the zone’s word and the hypervisor’s apart', async () => {
  let userMs = 0n;
  host.answerWith(({ case: kind }) => {
    if (kind !== 'metrics') return done;
    userMs += 50n;
    const cpus = [{ cpu: 0, userMs, idleMs: userMs }];
    return metrics({ memoryTotalBytes: 100n, memoryAvailableBytes: 60n, cpus, processes: [{ pid: 1 }] });
  });
  const { zones, supervisor } = daemon;
  const reader = createZoneMetrics({ zones, supervisor, logger: host.logger });
  const read = await reader.read(await readyZone(), all, signal);
  expect(read.cpuUsage.get(0)).toBe(50);
  const root = zoneMetricTree(read);
  expect(root.name).toBe('zone');
  expect(root.children?.map(({ name }) => name)).toEqual(['system', 'process', 'hypervisor']);
});

test('a zone that does not answer in time is told as silent; the hypervisor still tells of it', async () => {
  const late = new ConnectError('no answer', Code.DeadlineExceeded);
  host.answerWith(({ case: kind }) => (kind === 'metrics' ? Promise.reject(late) : done));
  const { zones, supervisor } = daemon;
  const reader = createZoneMetrics({ zones, supervisor, logger: host.logger });
  const id = await readyZone();
  const read = await reader.read(id, all, signal);
  expect(read).toMatchObject({ report: undefined, silence: 'no answer' });
  expect(zoneMetricTree(read).children?.map(({ name }) => name)).toEqual(['hypervisor', 'silence']);
});

test('a zone that has no machine is refused, and so is one that is not there', async () => {
  const { zones, supervisor } = daemon;
  const reader = createZoneMetrics({ zones, supervisor, logger: host.logger });
  const id = await readyZone();
  host.machines.machines.get(id)?.end({ kind: 'poweroff' });
  await expect.poll(() => supervisor.running(id)).toBeUndefined();
  await expect(reader.read(id, all, signal)).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await zones.destroy(id);
  await daemon.state.zones.remove(id);
  await expect(reader.read(id, all, signal)).rejects.toMatchObject({ code: Code.NotFound });
});
