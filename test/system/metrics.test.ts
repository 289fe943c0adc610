import { Code, ConnectError } from '@connectrpc/connect';
import type { MetricNode } from '@protect/proto/control-common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { destroyZone, eventually, execute, launchWorkload, launchZone } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

const mib = 1024 ** 2;

let stack: TestStack;
let zoneId: string;
let image: string;

beforeAll(async () => {
  image = await busyboxImage();
  stack = await startStack();
  const annotations = [
    { key: 'io.kubernetes.pod.namespace', value: 'shop' },
    { key: 'io.kubernetes.pod.name', value: 'web-0' },
  ];
  const initialResources = { maxCpus: 1, targetCpus: 1, maxMemory: 192n, targetMemory: 192n };
  zoneId = (await launchZone(stack.client, { name: 'measured', annotations, initialResources })).id;
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

async function root(): Promise<MetricNode> {
  const { root: node } = await stack.client.readZoneMetrics({ zoneId });
  if (node === undefined) throw new Error('no metrics');
  return node;
}

function at(node: MetricNode, path: string): MetricNode | undefined {
  const step = (from: MetricNode | undefined, name: string) =>
    from?.children.find((one) => one.name === name);
  return path.split('.').reduce(step, node);
}

function numberAt(node: MetricNode, path: string): number {
  const kind = at(node, path)?.value?.kind;
  if (kind?.case === 'numberValue') return kind.value;
  throw new Error(`there is no number at ${path}`);
}

test('metrics agree with what is seen from inside, and show a workload that takes memory and time', async () => {
  const before = await root();
  const workload = await launchWorkload(stack.client, zoneId, image, ['cat'], { name: 'idle', stdin: true });
  const meminfo = await execute(stack.client, { workloadId: workload }, ['cat', '/proc/meminfo']);
  const total = Number(/^MemTotal: +(\d+) kB/m.exec(meminfo.stdout)?.[1]) * 1024;
  expect(numberAt(before, 'system.memory.total')).toBe(total);
  expect(numberAt(before, 'system.cpu.online')).toBe(1);

  // dd holds its whole block in memory, and copies it for ever.
  const command = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=24M'];
  const hog = await launchWorkload(stack.client, zoneId, image, command, { name: 'hog' });
  const after = await eventually(stack.client, 'the workload in the metrics', async () => {
    const now = await root();
    const processes = at(now, 'process')?.children ?? [];
    const dd = processes.find((one) => at(one, 'name')?.value?.kind.value === 'dd');
    if (dd === undefined || numberAt(dd, 'memory.resident') < 24 * mib) return undefined;
    return numberAt(dd, 'cpu') > 1 && numberAt(now, 'system.cpu.0.usage') > 50 ? { now, dd } : undefined;
  });
  expect(numberAt(after.now, 'system.memory.used') - numberAt(before, 'system.memory.used')).toBeGreaterThan(
    20 * mib,
  );
  expect(numberAt(after.dd, 'uid')).toBe(0);
  expect(JSON.stringify(at(after.dd, 'cmdline')?.value)).toContain('"/dev/zero"');
  await stack.client.destroyWorkload({ workloadId: hog });
  await stack.client.destroyWorkload({ workloadId: workload });
});

test('the hypervisor’s account is its own', async () => {
  const node = await root();
  expect(numberAt(node, 'hypervisor.cpu.online')).toBe(1);
  const vcpuSeconds = numberAt(node, 'hypervisor.cpu.0.time');
  expect(vcpuSeconds).toBeGreaterThan(0);
  // QEMU has work of its own; the two are looked at one after the other.
  expect(numberAt(node, 'hypervisor.cpu.time')).toBeGreaterThan(vcpuSeconds - 0.5);
  expect(numberAt(node, 'hypervisor.memory.max')).toBeGreaterThan(numberAt(node, 'system.memory.total'));
  expect(numberAt(node, 'hypervisor.memory.total')).toBeGreaterThan(numberAt(node, 'system.memory.used'));
});

test('Prometheus gets the zone with its pod, and the command line a tree', async () => {
  const page = await eventually(stack.client, 'the zone on the page', async () => {
    const text = await (await fetch(`${stack.metricsUrl}/resource`)).text();
    return text.includes(`zone_cpu_usage_percent{zone_id="${zoneId}"`) ? text : undefined;
  });
  const labels = `zone_id="${zoneId}",k8s_namespace="shop",k8s_pod="web-0"`;
  const value = (name: string) =>
    Number(
      page
        .split('\n')
        .find((line) => line.startsWith(`${name}{${labels}`))
        ?.split(' ')
        .at(-1),
    );
  const node = await root();
  expect(value('zone_memory_total_bytes')).toBe(numberAt(node, 'system.memory.total'));
  expect(value('hypervisor_memory_max_bytes')).toBe(numberAt(node, 'hypervisor.memory.max'));
  expect(value('hypervisor_vcpus_online')).toBe(1);
  expect(value('zone_ready_timestamp_milliseconds')).toBeGreaterThan(
    value('zone_create_timestamp_milliseconds'),
  );
  expect(page).toContain('\nzones_unread 0\n');
  expect(await stack.output('zone', 'metrics', 'measured')).toMatch(
    /^zone\n├── system\n│ {3}├── memory\n│ {3}│ {3}├── total: \d+\.\d MiB\n/,
  );
  expect(await stack.output('zone', 'top')).toMatch(/^measured +\S+ +ready .* MiB +\d+\.\d MiB/m);
});

test('what the hypervisor does not tell is refused, naming the one that does', async () => {
  await expect(stack.client.readHypervisorConsole({})).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringContaining('xen has'),
  });
  await expect(stack.client.hypervisorDebugInfo({})).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringContaining('xen has'),
  });
});

test('a zone that does not run has no metrics', async () => {
  await destroyZone(stack.client, zoneId);
  // Its record may be there for a moment longer.
  const error = await root().catch((thrown: unknown) => ConnectError.from(thrown));
  expect(error).toSatisfy(({ code }) => code === Code.FailedPrecondition || code === Code.NotFound);
});
