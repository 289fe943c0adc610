import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { type ImportImageRequest, ImportImageRequestSchema } from '@protect/proto/control';
import { describe, expect, it } from 'vitest';
import { archiveChunks } from './archive-chunks.ts';

const chunk = (text: string, lastChunk = false) =>
  create(ImportImageRequestSchema, { chunk: Buffer.from(text), lastChunk });

async function read(messages: AsyncIterable<ImportImageRequest>, signal: AbortSignal, stallMs = 60_000) {
  const rest = messages[Symbol.asyncIterator]();
  const { value: first } = await rest.next();
  const parts: Uint8Array[] = [];
  for await (const part of archiveChunks(first, rest, signal, stallMs)) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function* sent(...messages: ImportImageRequest[]) {
  yield* messages;
}

describe('an uploaded archive', () => {
  const { signal } = new AbortController();

  it('is what its chunks are, up to the last', async () => {
    expect(await read(sent(chunk('a'), chunk(''), chunk('b', true), chunk('c')), signal)).toBe('ab');
    expect(await read(sent(chunk('all', true)), signal)).toBe('all');
    expect(await read(sent(chunk(''), chunk('', true)), signal)).toBe('');
  });

  it('that ends before its last chunk is refused', async () => {
    const refusal = { code: Code.InvalidArgument, rawMessage: expect.stringContaining('before its last') };
    await expect(read(sent(chunk('a')), signal)).rejects.toMatchObject(refusal);
  });

  it('that stalls is given up', async () => {
    async function* stalls() {
      yield chunk('a');
      await new Promise(() => undefined);
    }
    const refusal = { code: Code.Aborted, rawMessage: expect.stringContaining('send it again') };
    await expect(read(stalls(), signal, 20)).rejects.toMatchObject(refusal);
  });

  it('ends with its caller', async () => {
    const caller = new AbortController();
    async function* stalls() {
      yield chunk('a');
      caller.abort(new Error('gone'));
      await new Promise(() => undefined);
    }
    await expect(read(stalls(), caller.signal)).rejects.toThrow('gone');
  });
});
