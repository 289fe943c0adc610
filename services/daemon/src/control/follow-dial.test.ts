import { create } from '@bufbuild/protobuf';
import { type StreamResponse, StreamResponseSchema } from '@protect/proto/idm';
import { describe, expect, it } from 'vitest';
import { followDial } from './follow-dial.ts';

const output = (text: string, end = false) =>
  create(StreamResponseSchema, { response: { case: 'output', value: { data: Buffer.from(text), end } } });

/** A connection whose zone sends these messages and then waits for `over`. */
function dialled(messages: readonly StreamResponse[], over: Promise<unknown>, silenceMs?: number) {
  const granted: number[] = [];
  async function* responses() {
    yield* messages;
    await over;
  }
  const dial = followDial({ responses: responses(), grant: (bytes) => granted.push(bytes) }, silenceMs);
  return { dial, granted };
}

async function texts(contents: AsyncIterable<Uint8Array>): Promise<string[]> {
  const all: string[] = [];
  for await (const content of contents) all.push(Buffer.from(content).toString());
  return all;
}

const never = new Promise<never>(() => undefined);

describe('a dialled connection', () => {
  it('gives bytes, then an empty content for the end, and credit for what was taken', async () => {
    const { dial, granted } = dialled([output('ab'), output('c'), output('', true)], Promise.resolve());
    expect(await texts(dial.contents)).toEqual(['ab', 'c', '']);
    expect(granted).toEqual([2, 1, 0]);
  });

  it('lasts as long as the caller sends, and ends when it is silent after the other end has ended', async () => {
    const { dial } = dialled([output('bye', true)], never, 60);
    const started = performance.now();
    const talking = setInterval(dial.heard, 5);
    setTimeout(() => clearInterval(talking), 120);
    expect(await texts(dial.contents)).toEqual(['bye', '']);
    expect(performance.now() - started).toBeGreaterThan(115);
  });

  it('is not given up while the other end is silent', async () => {
    const over = Promise.withResolvers<void>();
    const { dial } = dialled([output('hi')], over.promise, 1);
    setTimeout(() => over.resolve(), 50);
    const started = performance.now();
    expect(await texts(dial.contents)).toEqual(['hi']);
    expect(performance.now() - started).toBeGreaterThan(45);
  });

  it('tells what broke it', async () => {
    const { dial } = dialled([output('hi')], Promise.reject(new Error('reset')));
    await expect(texts(dial.contents)).rejects.toThrow('reset');
  });
});
