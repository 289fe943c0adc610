import { Code, ConnectError } from '@connectrpc/connect';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CallStream, createCallStream } from './call-stream.ts';
import { decodeFrame, encodeFrame, type Frame } from './frame.ts';
import { chunkBytes, frameCostBytes, maxMessageBytes, windowBytes } from './limits.ts';

/** Two ends and the frames between them, which arrive one by one when the test says so. */
function connectedPair() {
  const wires = { a: [] as Uint8Array[], b: [] as Uint8Array[] };
  const a: CallStream = createCallStream({ send: (bytes) => void wires.b.push(bytes) });
  const b: CallStream = createCallStream({ send: (bytes) => void wires.a.push(bytes) });
  const ends = { a, b };
  const deliver = (to: 'a' | 'b') => {
    const bytes = wires[to].shift();
    if (bytes) ends[to].receive(parse(bytes));
  };
  return { a, b, wires, deliver };
}

function parse(bytes: Uint8Array): Frame {
  const frame = decodeFrame(bytes);
  if (!frame) throw new Error('no frame');
  return frame;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function cost(frames: readonly Uint8Array[]): number {
  const data = frames.map(parse).flatMap((frame) => (frame.kind === 'data' ? [frame.body.length] : []));
  return data.reduce((sum, length) => sum + length + frameCostBytes, 0);
}

test('call stream: messages of any size arrive whole and in order, with at most a window under way', async () => {
  const size = fc.oneof(fc.nat(100), fc.nat(chunkBytes + 10), fc.nat(3 * windowBytes));
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { maxLength: 12 }),
      fc.array(fc.constantFrom('read' as const, 'forth' as const, 'back' as const), { maxLength: 300 }),
      async (sizes, schedule) => {
        const { a, b, wires, deliver } = connectedPair();
        const sent = sizes.map((length, index) => new Uint8Array(length).fill(index + 1));
        const sending = (async () => {
          for (const message of sent) await a.sendMessage(message);
          a.sendMark('half-close');
        })();
        const received: Uint8Array[] = [];
        const reader = b.messages[Symbol.asyncIterator]();
        let reading = false;
        let over = false;
        const read = () => {
          if (reading || over) return;
          reading = true;
          void reader.next().then(({ done, value }) => {
            reading = false;
            if (done) over = true;
            else received.push(value);
          });
        };
        const step = (action: 'read' | 'forth' | 'back') => {
          if (action === 'read') read();
          else deliver(action === 'forth' ? 'b' : 'a');
          expect(cost(wires.b)).toBeLessThanOrEqual(windowBytes);
        };
        for (const action of schedule) {
          step(action);
          await turn();
        }
        // From here on everybody does his part; a protocol that can get stuck does not get to the end.
        for (let round = 0; round < 400 && !over; round += 1) {
          for (const action of ['read', 'forth', 'back', 'forth'] as const) step(action);
          await turn();
        }
        expect(over).toBe(true);
        await sending;
        expect(received.map((message) => [message.length, message[0]])).toEqual(
          sent.map((message) => [message.length, message[0]]),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('call stream: a reader that stalls stops the sender after one window', async () => {
  const { a, wires, deliver } = connectedPair();
  let sent = 0;
  void (async () => {
    while (true) {
      await a.sendMessage(new Uint8Array(1_000));
      sent += 1;
    }
  })();
  for (let round = 0; round < 2_000; round += 1) {
    deliver('b');
    deliver('a');
    await Promise.resolve();
  }
  await turn();
  while (wires.b.length > 0) deliver('b');
  expect(sent).toBe(Math.floor(windowBytes / (1_000 + frameCostBytes)));
});

test('call stream: empty messages are bounded too', async () => {
  const { a } = connectedPair();
  let sent = 0;
  void (async () => {
    while (true) {
      await a.sendMessage(new Uint8Array());
      sent += 1;
    }
  })();
  await turn();
  await turn();
  expect(sent).toBe(windowBytes / frameCostBytes);
});

test('call stream: a lost frame fails the call as unavailable', async () => {
  const { a, b, wires } = connectedPair();
  await a.sendMessage(new Uint8Array(1));
  await a.sendMessage(new Uint8Array(2));
  wires.b.shift();
  const second = wires.b.shift();
  expect(() => second && b.receive(parse(second))).toThrow(/lost part of the call/);
});

test('call stream: a sender that ignores the window is refused', async () => {
  const { b } = connectedPair();
  const flood = () => {
    for (let sequence = 0; sequence < 10; sequence += 1) {
      b.receive({ kind: 'data', sequence, more: false, body: new Uint8Array(60_000) });
    }
  };
  expect(flood).toThrow(/ahead/);
});

test('call stream: a message beyond the maximum is refused while it arrives, not after', async () => {
  const { b } = connectedPair();
  void b.messages[Symbol.asyncIterator]()
    .next()
    .catch(() => {});
  const piece = new Uint8Array(chunkBytes);
  const flood = () => {
    for (let sequence = 0; sequence <= maxMessageBytes / chunkBytes; sequence += 1) {
      b.receive({ kind: 'data', sequence, more: true, body: piece });
    }
  };
  expect(flood).toThrow(/larger than/);
});

test('call stream: an acknowledgement of more than was sent is refused', () => {
  const { a } = connectedPair();
  expect(() => a.receive({ kind: 'credit', totalBytes: 1 })).toThrow(/more than it was sent/);
});

test('call stream: an end in the middle of a message is an error', async () => {
  const { b } = connectedPair();
  b.receive({ kind: 'data', sequence: 0, more: true, body: new Uint8Array(1) });
  b.receive({ kind: 'half-close', sequence: 1 });
  await expect(b.messages[Symbol.asyncIterator]().next()).rejects.toThrow(/middle of a message/);
});

test('call stream: failing wakes a sender that waits for credit and a reader that waits for data', async () => {
  const { a } = connectedPair();
  const sending = a.sendMessage(new Uint8Array(2 * windowBytes));
  const reading = a.messages[Symbol.asyncIterator]().next();
  a.fail(new ConnectError('the peer is gone', Code.Unavailable));
  await expect(sending).rejects.toThrow('the peer is gone');
  await expect(reading).rejects.toThrow('the peer is gone');
});

test('call stream: what arrived before the end is read before its error', async () => {
  const b = createCallStream({ send: () => {}, onEnd: () => new ConnectError('no more', Code.Aborted) });
  b.receive({ kind: 'data', sequence: 0, more: false, body: new Uint8Array([7]) });
  b.receive(parse(encodeFrame({ kind: 'end', sequence: 1, body: new Uint8Array() })));
  const reader = b.messages[Symbol.asyncIterator]();
  await expect(reader.next()).resolves.toEqual({ done: false, value: new Uint8Array([7]) });
  await expect(reader.next()).rejects.toThrow('no more');
});
