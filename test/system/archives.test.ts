import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { OciImageFormat, ProcessSpecSchema, WorkloadSpecSchema } from '@protect/proto/control-common';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { execute, launchZone } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

test('a workload of an imported image runs, and runs on when the image is removed', async () => {
  const { client } = stack;
  const path = join(stack.state, 'busybox.tar');
  await execa('skopeo', ['copy', '-q', await busyboxImage(), `docker-archive:${path}:team/busybox:v1`]);
  const digest = await importImage(await readFile(path));
  const zone = await launchZone(client);
  const image = { digest, format: OciImageFormat.SQUASHFS };
  const process = create(ProcessSpecSchema, { command: ['sleep', '1000'] });
  const spec = create(WorkloadSpecSchema, { zoneId: zone.id, image, process });
  const { workloadId } = await client.createWorkload({ spec });
  await client.startWorkload({ workloadId });
  expect(await client.removeImage({ digest })).toMatchObject({ removed: true });
  expect(await client.removeImage({ digest })).toMatchObject({ removed: false });
  const seen = await execute(client, { workloadId }, ['sh', '-c', 'id -un; ls /bin/busybox']);
  expect(seen).toEqual({ exitCode: 0, stdout: 'root\n/bin/busybox\n', stderr: '' });
  await expect(client.createWorkload({ spec })).rejects.toThrow(/pull it first/);
});

async function importImage(archive: Uint8Array): Promise<string> {
  async function* requests() {
    yield { image: 'team/busybox:v1' };
    const piece = 256 << 10;
    for (let at = 0; at < archive.length; at += piece) yield { chunk: archive.subarray(at, at + piece) };
    yield { lastChunk: true };
  }
  let digest = '';
  for await (const reply of stack.client.importImage(requests())) digest = reply.spec?.digest ?? digest;
  return digest;
}
