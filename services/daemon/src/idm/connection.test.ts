import { Code, ConnectError } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import { type Event, Form, StreamRequestSchema, type StreamResponse } from '@protect/proto/idm';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type IdmConnection, openIdmConnection } from './connection.ts';
import { encodeFrame, receiveMaxBytes } from './frame.ts';
import { pendingRequestsMax, streamWindowBytes } from './limits.ts';
import { contentOf, requestOf, TestZone } from './test-zone.ts';

const zoneId = newZoneId();
const logger = pino({ level: 'silent' });

let zone: TestZone;
let connection: IdmConnection;

beforeEach(() => {
  zone = new TestZone();
  connection = openIdmConnection(zone.host, { zoneId, logger, version: '1.2.3' });
});
afterEach(() => connection.close());

async function greet(): Promise<void> {
  const hello = connection.hello();
  await zone.answerHello();
  await hello;
}

async function codeOf(promise: Promise<unknown>): Promise<Code | undefined> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return outcome instanceof ConnectError ? outcome.code : undefined;
}

async function collect(responses: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const all: StreamResponse[] = [];
  for await (const response of responses) all.push(response);
  return all;
}

function outputText(responses: readonly StreamResponse[]): string {
  return responses
    .map(({ response }) => (response.case === 'output' ? Buffer.from(response.value.data).toString() : ''))
    .join('');
}

describe('requests', () => {
  it('are answered by the packet with their id, in any order', async () => {
    const first = connection.request({ case: 'ping', value: { payload: Buffer.from('a') } });
    const second = connection.request({ case: 'ping', value: { payload: Buffer.from('b') } });
    const [one, two] = [await zone.take(), await zone.take()];
    expect([one.id % 2n, two.id - one.id]).toEqual([1n, 2n]);
    await zone.respond(two.id, { case: 'ping', value: { payload: Buffer.from('B') } });
    await zone.respond(one.id, { case: 'ping', value: { payload: Buffer.from('A') } });
    const texts = [await first, await second].map(({ response }) =>
      response.case === 'ping' ? Buffer.from(response.value.payload).toString() : '',
    );
    expect(texts).toEqual(['A', 'B']);
  });

  it('carry their deadline and fail with it', async () => {
    const answer = connection.request({ case: 'ping', value: {} }, { deadlineMs: 20 });
    expect((await zone.take()).deadlineMs).toBe(20);
    expect(await codeOf(answer)).toBe(Code.DeadlineExceeded);
  });

  it("fail with the zone's error, its code, and its words made harmless", async () => {
    const answer = connection.request({ case: 'ping', value: {} });
    await zone.error((await zone.take()).id, Code.NotFound, 'no \u001b[31mdisk\nhere');
    await expect(answer).rejects.toThrow('no \u{FFFD}[31mdisk\u{FFFD}here');
    expect(await codeOf(answer)).toBe(Code.NotFound);
  });

  it('fail as unknown when the zone invents a code', async () => {
    const answer = connection.request({ case: 'ping', value: {} });
    await zone.error((await zone.take()).id, 99, '');
    expect(await codeOf(answer)).toBe(Code.Unknown);
  });

  it('fail when the answer is of another kind', async () => {
    const answer = connection.request({ case: 'ping', value: {} });
    await zone.respond((await zone.take()).id, { case: 'done', value: {} });
    expect(await codeOf(answer)).toBe(Code.Internal);
  });

  it('fail as canceled on abort, and as unavailable when the channel ends', async () => {
    const abort = new AbortController();
    const canceled = connection.request({ case: 'ping', value: {} }, { signal: abort.signal });
    const lost = connection.request({ case: 'ping', value: {} });
    abort.abort();
    expect(await codeOf(canceled)).toBe(Code.Canceled);
    zone.stream.end();
    expect(await codeOf(lost)).toBe(Code.Unavailable);
    expect(await codeOf(connection.request({ case: 'ping', value: {} }))).toBe(Code.Unavailable);
    expect(await connection.closed).toContain('the zone closed the channel');
  });

  it('are refused when too many wait or the zone could not take them', async () => {
    const waiting = Array.from({ length: pendingRequestsMax }, () =>
      connection.request({ case: 'ping', value: {} }),
    );
    expect(await codeOf(connection.request({ case: 'ping', value: {} }))).toBe(Code.ResourceExhausted);
    const large = connection.request({ case: 'ping', value: { payload: new Uint8Array(300_000) } });
    expect(await codeOf(large)).toBe(Code.ResourceExhausted);
    connection.close();
    expect(await Promise.all(waiting.map(codeOf))).toEqual(waiting.map(() => Code.Unavailable));
  });
});

describe('the hello', () => {
  it('says who we are and what we take', async () => {
    const hello = connection.hello();
    const packet = await zone.take();
    expect(requestOf(packet)).toMatchObject({
      case: 'hello',
      value: { protocolMin: 1, protocolMax: 1, version: '1.2.3', receiveMaxBytes, streamWindowBytes },
    });
    await zone.respond(packet.id, { case: 'hello', value: { protocolMin: 1, protocolMax: 3, version: 'z' } });
    expect((await hello).version).toBe('z');
  });

  it('fails and closes when no version is shared', async () => {
    const hello = codeOf(connection.hello());
    await zone.answerHello({ protocolMin: 2, protocolMax: 3 });
    expect(await hello).toBe(Code.FailedPrecondition);
    expect(await connection.closed).toContain('2 to 3');
  });
});

describe('streams', () => {
  beforeEach(greet);

  it('carry output until the zone closes them, and tell the zone that they are done', async () => {
    const stream = connection.exec({ process: { command: ['ls'] } });
    const { id, form } = await zone.take();
    expect(form).toBe(Form.STREAM_REQUEST);
    await zone.output(id, Buffer.from('one '));
    await zone.output(id, Buffer.from('two'), 4n);
    await zone.closeStream(id);
    expect(outputText(await collect(stream.responses))).toBe('one two');
    expect((await zone.take()).form).toBe(Form.STREAM_REQUEST_CLOSED);
  });

  it('give all output before the error that ended them', async () => {
    const stream = connection.exec({});
    const { id } = await zone.take();
    await zone.output(id, Buffer.from('so far'));
    await zone.error(id, Code.NotFound, 'no such program');
    const iterator = stream.responses[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    expect(await codeOf(iterator.next())).toBe(Code.NotFound);
  });

  it('send standard input only as the zone grants credit, in order and whole', async () => {
    const input = Buffer.alloc(200_000, 'abcdefg');
    const stream = connection.exec({});
    const { id } = await zone.take();
    let sent = false;
    const sending = stream.send({ case: 'stdin', value: { data: input, closed: true } }).then(() => {
      sent = true;
    });
    const received: Buffer[] = [];
    let closed = false;
    let bytes = 0;
    while (!closed) {
      const { request } = contentOf(StreamRequestSchema, await zone.take(Form.STREAM_REQUEST_UPDATE));
      if (request.case !== 'stdin') throw new Error('expected stdin');
      received.push(Buffer.from(request.value.data));
      bytes += request.value.data.length;
      closed = request.value.closed;
      if (bytes % 65_536 > 0) continue;
      expect([sent, zone.waiting.length]).toEqual([false, 0]);
      await zone.credit(id, 65_536);
    }
    await sending;
    expect(Buffer.concat(received).equals(input)).toBe(true);
  });

  it('send control packets while standard input waits for credit', async () => {
    const stream = connection.exec({});
    await zone.take();
    const stuck = stream.send({ case: 'stdin', value: { data: new Uint8Array(100_000) } });
    stuck.catch(() => undefined);
    await stream.send({ case: 'terminalResize', value: { rows: 1, columns: 2 } });
    for (;;) {
      const { request } = contentOf(StreamRequestSchema, await zone.take(Form.STREAM_REQUEST_UPDATE));
      if (request.case === 'terminalResize') break;
    }
    stream.close();
    expect(await codeOf(stuck)).toBe(Code.Canceled);
  });

  it('are ended when the zone sends beyond its credit; others go on', async () => {
    const greedy = connection.exec({});
    const other = connection.exec({});
    const [first, second] = [await zone.take(), await zone.take()];
    for (let sent = 0; sent <= streamWindowBytes; sent += 65_536) {
      await zone.output(first.id, new Uint8Array(65_536), BigInt(sent));
    }
    expect(await codeOf(collect(greedy.responses))).toBe(Code.ResourceExhausted);
    await zone.output(second.id, Buffer.from('fine'));
    await zone.closeStream(second.id);
    expect(outputText(await collect(other.responses))).toBe('fine');
  });

  it('let the zone send more for what the reader grants', async () => {
    const stream = connection.exec({});
    const { id } = await zone.take();
    const total = 4 * streamWindowBytes;
    const reading = (async () => {
      let bytes = 0;
      for await (const { response } of stream.responses) {
        if (response.case !== 'output') continue;
        bytes += response.value.data.length;
        stream.grant(response.value.data.length);
      }
      return bytes;
    })();
    let credit = streamWindowBytes;
    for (let sent = 0; sent < total; ) {
      if (credit === 0) {
        const packet = await zone.take(Form.CREDIT);
        credit += packet.data.length > 0 ? 65_536 : 0;
        continue;
      }
      const size = Math.min(credit, 32_768);
      await zone.output(id, new Uint8Array(size), BigInt(sent));
      sent += size;
      credit -= size;
    }
    await zone.closeStream(id);
    expect(await reading).toBe(total);
  });

  it('join single bytes that nobody reads yet, in bounded memory and order', async () => {
    const stream = connection.exec({});
    const { id } = await zone.take();
    const count = 20_000;
    for (let offset = 0; offset < count; offset++) {
      await zone.output(id, Buffer.from([97 + (offset % 26)]), BigInt(offset));
    }
    await zone.closeStream(id);
    const responses = await collect(stream.responses);
    expect(responses.length).toBeLessThan(1024);
    const text = outputText(responses);
    expect(text.length).toBe(count);
    expect(text.startsWith('abcdefghijklmnopqrstuvwxyzab')).toBe(true);
  });

  it('end with an abort, and late packets of theirs are no offence', async () => {
    const abort = new AbortController();
    const stream = connection.exec({}, { signal: abort.signal });
    const { id } = await zone.take();
    abort.abort();
    expect(await codeOf(collect(stream.responses))).toBe(Code.Canceled);
    expect((await zone.take()).form).toBe(Form.STREAM_REQUEST_CLOSED);
    for (let sent = 0; sent < 2000; sent++) await zone.output(id, new Uint8Array(64));
    const answer = connection.request({ case: 'ping', value: {} });
    await zone.respond((await zone.take()).id, { case: 'ping', value: {} });
    expect((await answer).response.case).toBe('ping');
  });

  it('need a hello first', () => {
    const early = openIdmConnection(new TestZone().host, { zoneId, logger, version: '' });
    expect(() => early.exec({})).toThrow('no hello');
    early.close();
  });
});

describe('a hostile zone', () => {
  async function flood(bytes: Uint8Array): Promise<string> {
    let reason: string | undefined;
    void connection.closed.then((text) => {
      reason = text;
    });
    for (let round = 0; reason === undefined && round < 5_000; round++) await zone.write(bytes);
    return await connection.closed;
  }

  it('that sends garbage without end is cut off', async () => {
    expect(await flood(Buffer.alloc(64 * 1024, 'garbage'))).toContain('mean nothing');
  });

  it('that sends oversized lengths is cut off', async () => {
    expect(await flood(Buffer.alloc(64 * 1024, Buffer.from('ffffffffff7f', 'hex')))).toContain(
      'mean nothing',
    );
  });

  it('that sends packets out of place is cut off', async () => {
    const frame = encodeFrame({ id: 2n, form: Form.STREAM_REQUEST, data: new Uint8Array() });
    expect(await flood(Buffer.concat(Array.from({ length: 100 }, () => frame)))).toContain('mean nothing');
  });

  it('that sends frames with false checksums is cut off before they cost much', async () => {
    const started = performance.now();
    expect(await flood(Buffer.alloc(64 * 1024, Buffer.from('ffff7d7d0300', 'hex')))).toContain(
      'mean nothing',
    );
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('may lose its way once: garbage, then packets, is understood', async () => {
    await greet();
    const events: Event[] = [];
    connection.onEvent((event) => events.push(event));
    await zone.write(Buffer.alloc(100_000, 'noise'));
    await zone.event({ case: 'warning', value: { message: 'back' } });
    const answer = connection.request({ case: 'ping', value: {} });
    await zone.respond((await zone.take()).id, { case: 'ping', value: {} });
    await answer;
    expect(events.map(({ event }) => event.case)).toEqual(['warning']);
  });

  it('that floods leaves turns of the event loop to others', async () => {
    await greet();
    let handled = 0;
    let most = 0;
    let inTurn = 0;
    connection.onEvent(() => {
      handled++;
      inTurn++;
      most = Math.max(most, inTurn);
    });
    const frame = encodeFrame({ id: 2n, form: Form.EVENT, data: Buffer.from([0x22, 0x00]) });
    const burst = Buffer.concat(Array.from({ length: 2_000 }, () => frame));
    let turns = 0;
    const tick = () => {
      inTurn = 0;
      turns++;
      if (handled < 10_000) setImmediate(tick);
    };
    setImmediate(tick);
    for (let round = 0; round < 5; round++) await zone.write(burst);
    while (handled < 10_000) await new Promise((resolve) => setImmediate(resolve));
    expect(most).toBeLessThanOrEqual(1_000);
    expect(turns).toBeGreaterThanOrEqual(10);
  });

  it('that reads nothing makes callers wait, within bounds, and loses only itself', async () => {
    zone.stream.pause();
    const waiting: Promise<unknown>[] = [];
    for (let sent = 0; sent < 200; sent++) {
      const value = { payload: new Uint8Array(60_000) };
      waiting.push(codeOf(connection.request({ case: 'ping', value }, { deadlineMs: 50 })));
    }
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([Code.DeadlineExceeded]));
  });
});

describe('a reused channel', () => {
  it('keeps nothing of the connection before: neither half frames nor late answers', async () => {
    const question = connection.request({ case: 'ping', value: {} });
    question.catch(() => undefined);
    const { id } = await zone.take();
    await zone.write(encodeFrame({ id: 2n, form: Form.EVENT, data: new Uint8Array(1000) }).subarray(0, 500));
    connection.close();

    const next = new TestZone();
    const again = openIdmConnection(next.host, { zoneId, logger, version: '' });
    const answer = again.request({ case: 'ping', value: {} });
    const packet = await next.take();
    expect(packet.id).not.toBe(id);
    await next.respond(id, { case: 'ping', value: { payload: Buffer.from('late') } });
    await next.respond(packet.id, { case: 'ping', value: { payload: Buffer.from('fresh') } });
    const { response } = await answer;
    expect(response.case === 'ping' && Buffer.from(response.value.payload).toString()).toBe('fresh');
    again.close();
  });
});
