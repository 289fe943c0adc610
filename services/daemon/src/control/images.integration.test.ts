import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { writeLayout } from '@protect/oci/layout-writer';
import { createImageStore } from '@protect/oci/pull';
import { ControlService, type ImportImageReply, type ImportImageRequestSchema } from '@protect/proto/control';
import { OciImageFormat, OciImageProgressPhase } from '@protect/proto/control-common';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importImage } from './import-image.ts';
import { errorInterceptor } from './interceptor.ts';
import { removeImage } from './remove-image.ts';

let folder: string;
let archive: Buffer;
let digest: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daemon-images-'));
  const source = { bytes: Buffer.from('hello') };
  ({ digest } = await writeLayout(join(folder, 'layout'), {
    layers: [[{ type: 'file', path: 'greeting', source }]],
  }));
  execFileSync('tar', ['-C', join(folder, 'layout'), '-cf', join(folder, 'archive.tar'), '.']);
  archive = await readFile(join(folder, 'archive.tar'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const noFormat = 99 as OciImageFormat;

type Message = MessageInitShape<typeof ImportImageRequestSchema>;

function connect() {
  const cacheDir = join(folder, 'cache');
  const imageStore = createImageStore({ cacheDir });
  const methods = { importImage: importImage({ imageStore }), removeImage: removeImage({ imageStore }) };
  const transport = createRouterTransport(({ service }) => void service(ControlService, methods), {
    router: { interceptors: [errorInterceptor(pino({ level: 'silent' }))] },
  });
  const client = createClient(ControlService, transport);
  return {
    client,
    imageStore,
    cached: () => readdir(cacheDir),
    async send(...messages: Message[]) {
      const replies: ImportImageReply[] = [];
      for await (const reply of client.importImage(each(messages))) replies.push(reply);
      return replies;
    },
  };
}

async function* each(messages: readonly Message[]) {
  yield* messages;
}

describe('ImportImage', () => {
  it('accepts the first message, tells how far it is, and gives the image', async () => {
    const { send, imageStore } = connect();
    const replies = await send(
      { image: 'team/app:v1', digest, wantMetadata: true },
      { chunk: archive.subarray(0, 3000) },
      { chunk: archive.subarray(3000), lastChunk: true },
    );
    expect(replies[0]).toMatchObject({ accepted: true });
    const last = replies.at(-1);
    expect(last?.progress?.phase).toBe(OciImageProgressPhase.COMPLETE);
    expect(last?.spec).toMatchObject({ digest, format: OciImageFormat.SQUASHFS });
    expect(JSON.parse(Buffer.from(last?.metadata?.manifest ?? []).toString())).toMatchObject({
      schemaVersion: 2,
    });
    expect(await imageStore.list()).toMatchObject([{ digest, names: ['docker.io/team/app:v1'] }]);
  });

  it('takes all in one message, and another format', async () => {
    const { send } = connect();
    const replies = await send({ format: OciImageFormat.TAR, chunk: archive, lastChunk: true });
    expect(replies.at(-1)?.spec).toMatchObject({ digest, format: OciImageFormat.TAR });
    expect(replies.at(-1)?.metadata).toBeUndefined();
  });

  it.each<[string, () => Message[], Code]>([
    ['no message', () => [], Code.InvalidArgument],
    ['a name that is none', () => [{ image: 'UPPER CASE' }], Code.InvalidArgument],
    ['a digest that is none', () => [{ digest: 'sha256:1' }], Code.InvalidArgument],
    ['a format that is none', () => [{ format: noFormat }], Code.InvalidArgument],
    ['no last chunk', () => [{ chunk: archive }], Code.InvalidArgument],
    ['no archive', () => [{ chunk: Buffer.alloc(600, 'x'), lastChunk: true }], Code.InvalidArgument],
    ['a cut archive', () => [{ chunk: archive.subarray(0, 4000), lastChunk: true }], Code.InvalidArgument],
    [
      'another digest',
      () => [{ digest: `sha256:${'0'.repeat(64)}`, chunk: archive, lastChunk: true }],
      Code.InvalidArgument,
    ],
  ])('refuses %s and keeps nothing', async (_title, messages, code) => {
    const { send, cached } = connect();
    await expect(send(...messages())).rejects.toMatchObject({ code });
    expect(await cached().catch(() => [])).toEqual([]);
  });

  it('keeps nothing of a caller that goes away', async () => {
    const { client, cached } = connect();
    const caller = new AbortController();
    const half = Promise.withResolvers<void>();
    async function* requests() {
      yield { chunk: archive.subarray(0, 2000) };
      half.resolve();
      await new Promise(() => undefined);
    }
    const importing = (async () => {
      for await (const _ of client.importImage(requests(), { signal: caller.signal }));
    })();
    await half.promise;
    await expect.poll(() => cached().catch(() => [])).toEqual([expect.stringMatching(/^staging-/)]);
    caller.abort();
    await expect(importing).rejects.toMatchObject({ code: Code.Canceled });
    await expect.poll(cached).toEqual([]);
  });
});

describe('RemoveImage', () => {
  it('removes an image in one format or in all, and tells whether there was one', async () => {
    const { client, send, cached } = connect();
    await send({ image: 'app', chunk: archive, lastChunk: true });
    await send({ format: OciImageFormat.TAR, chunk: archive, lastChunk: true });
    expect(await client.removeImage({ digest, format: OciImageFormat.TAR })).toMatchObject({ removed: true });
    expect(await client.removeImage({ digest, format: OciImageFormat.TAR })).toMatchObject({
      removed: false,
    });
    expect(await client.removeImage({ digest })).toMatchObject({ removed: true });
    expect(await client.removeImage({ digest })).toMatchObject({ removed: false });
    expect(await cached()).toEqual(['index.json']);
  });

  it('refuses what is no digest or no format', async () => {
    const { client } = connect();
    const { UNKNOWN } = OciImageFormat;
    for (const request of [
      { digest: '', format: UNKNOWN },
      { digest: '../../etc', format: UNKNOWN },
      { digest, format: noFormat },
    ]) {
      await expect(client.removeImage(request)).rejects.toMatchObject({ code: Code.InvalidArgument });
    }
  });
});
