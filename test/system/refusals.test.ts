import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { writeLayout } from '@protect/oci/layout-writer';
import { OciImageFormat } from '@protect/proto/control-common';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../scripts/stack/stack.ts';
import { destroyZone, launchZone, listWorkloads, listZones, pullImage } from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

const unknownId = '00000000-0000-4000-8000-000000000000';

let stack: TestStack;
let before: HostSnapshot;

beforeAll(async () => {
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

/** The error that `call` ends with. */
async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  if (!error) throw new Error('the call was not refused');
  return error;
}

describe('a zone is refused', () => {
  test.each([
    [
      'more processors than the host has',
      { initialResources: { maxCpus: cpus().length + 1 } },
      /processor|cpu/i,
    ],
    ['too little memory', { initialResources: { maxMemory: 1n, targetMemory: 1n } }, /memory/i],
    ['a control character in its name', { name: 'a\u0007b' }, /name/i],
    ['a newline in its name', { name: 'a\nb' }, /name/i],
  ])('with %s', async (_, spec, message) => {
    const error = await refusal(stack.client.createZone({ spec }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toMatch(message);
  });

  test('with a kernel image that nobody has pulled', async () => {
    const kernel = { digest: `sha256:${'0'.repeat(64)}`, format: OciImageFormat.TAR };
    const error = await refusal(stack.client.createZone({ spec: { kernel } }));
    expect(error.code).toBe(Code.NotFound);
    expect(error.rawMessage).toContain('sha256:000');
  });
});

describe('an unknown zone or workload is not found', () => {
  test.each([
    ['GetZone', () => stack.client.getZone({ zoneId: unknownId })],
    ['DestroyZone', () => stack.client.destroyZone({ zoneId: unknownId })],
    ['ResolveZoneId', () => stack.client.resolveZoneId({ name: 'nobody' })],
    ['GetWorkload', () => stack.client.getWorkload({ workloadId: unknownId })],
    ['StartWorkload', () => stack.client.startWorkload({ workloadId: unknownId })],
    ['StopWorkload', () => stack.client.stopWorkload({ workloadId: unknownId })],
    ['DestroyWorkload', () => stack.client.destroyWorkload({ workloadId: unknownId })],
    ['ResolveWorkloadId', () => stack.client.resolveWorkloadId({ name: 'nobody' })],
    [
      'CreateWorkload',
      async () => {
        const digest = await pullImage(stack.client, await busyboxImage());
        const image = { digest, format: OciImageFormat.SQUASHFS };
        return stack.client.createWorkload({ spec: { zoneId: unknownId, image } });
      },
    ],
  ])('%s', async (_, call) => {
    const error = await refusal(call());
    expect(error.code).toBe(Code.NotFound);
    expect(error.rawMessage).toMatch(/nobody|00000000/);
  });
});

describe('an image is refused', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'protect-broken-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('when its layout is absent', async () => {
    const error = await refusal(pullImage(stack.client, `oci:${folder}/absent`));
    expect(error.code).toBe(Code.NotFound);
    expect(error.rawMessage).toContain(`${folder}/absent`);
  });

  test('when its index is no JSON', async () => {
    const layout = join(folder, 'no-json');
    await mkdir(layout);
    await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(layout, 'index.json'), '{"manifests": [');
    const error = await refusal(pullImage(stack.client, `oci:${layout}`));
    expect([Code.InvalidArgument, Code.DataLoss, Code.FailedPrecondition]).toContain(error.code);
    expect(error.rawMessage).toContain('index.json');
  });

  test('when a layer is not what its digest says', async () => {
    const layout = join(folder, 'tampered');
    // Not the image of other tests: that one is in the cache, which is right without looking at the layout.
    const content = Buffer.alloc(64 * 1024, 'tampered');
    await writeLayout(layout, { layers: [[{ type: 'file', path: 'file', source: { bytes: content } }]] });
    const { stdout } = await execa('find', [join(layout, 'blobs'), '-type', 'f', '-size', '+32k']);
    await writeFile(stdout, 'not the layer');
    const error = await refusal(pullImage(stack.client, `oci:${layout}`));
    expect([Code.InvalidArgument, Code.DataLoss, Code.FailedPrecondition]).toContain(error.code);
    expect(error.rawMessage).toMatch(/sha256|digest|size|longer|shorter|bytes/);
  });

  test('when its reference is malformed', async () => {
    const error = await refusal(pullImage(stack.client, 'UPPER CASE:and blanks'));
    expect(error.code).toBe(Code.InvalidArgument);
  });
});

test('a workload with an image that was never pulled is not found, in a zone that goes on', async () => {
  const zone = await launchZone(stack.client);
  const image = { digest: `sha256:${'1'.repeat(64)}`, format: OciImageFormat.SQUASHFS };
  const error = await refusal(stack.client.createWorkload({ spec: { zoneId: zone.id, image } }));
  expect(error.code).toBe(Code.NotFound);
  expect(await listWorkloads(stack.client)).toEqual([]);
  await destroyZone(stack.client, zone.id);
});

test('the daemon refuses a broken daemon.toml with exit code 78, naming file, line and key', async () => {
  const { daemon } = stack.services;
  const good = await readFile(stack.paths.daemonToml, 'utf8');
  await daemon.end();
  try {
    await writeFile(stack.paths.daemonToml, '[zone]\nmemory-limit-mb = "much"\n');
    const result = await execa(
      join(projectRoot, 'services/daemon/bin/protect-daemon'),
      ['--state', stack.state],
      {
        reject: false,
        all: true,
        timeout: 30_000,
      },
    );
    expect(result.exitCode).toBe(78);
    expect(result.all).toContain('daemon.toml');
    expect(result.all).toContain('memory-limit-mb');
    expect(result.all).toMatch(/:2|line 2/);
  } finally {
    await writeFile(stack.paths.daemonToml, good);
    await daemon.restart();
  }
});

test('calls that have no part behind them yet say so', async () => {
  async function* request() {
    yield {};
  }
  const events = stack.client.monitorZoneKernelEvents(request())[Symbol.asyncIterator]();
  const error = await refusal(events.next());
  expect(error.code).toBe(Code.Unimplemented);
});

test('none of these refusals left anything behind', async () => {
  expect(await listZones(stack.client)).toEqual([]);
  expect(await leftBehindBy(stack, before)).toEqual({});
});
