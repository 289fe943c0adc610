import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { Code } from '@connectrpc/connect';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { QmpClient, QmpError, type QmpEvent } from './qmp.ts';

const never = new AbortController().signal;
let qemu: Duplex;
let client: QmpClient;

beforeEach(() => {
  const [host, other] = duplexPair();
  qemu = other;
  client = new QmpClient(host);
});

function say(...messages: unknown[]): void {
  for (const message of messages) qemu.write(`${JSON.stringify(message)}\r\n`);
}

const greeting = { QMP: { version: {}, capabilities: [] } };

describe('QmpClient', () => {
  it('waits for the greeting and leaves negotiation', async () => {
    const ready = client.negotiate(never);
    say(greeting);
    const [command] = await once(qemu, 'data');
    say({ return: {}, id: 1 });
    await ready;
    expect(String(command)).toBe('{"execute":"qmp_capabilities","arguments":{},"id":1}\n');
  });

  it('matches answers by id, in any order, however the bytes are cut', async () => {
    const first = client.execute('a', z.number(), {}, never);
    const second = client.execute('b', z.number(), {}, never);
    const bytes = '{"return": 2, "id": 2}\r\n{"return": 1, "id": 1}\r\n';
    for (const character of bytes) qemu.write(character);
    expect([await first, await second]).toEqual([1, 2]);
  });

  it("passes on QEMU's refusals in its own words", async () => {
    const refused = client.execute('device_add', z.unknown(), {}, never);
    say({ error: { class: 'GenericError', desc: 'no such bus' }, id: 1 });
    const error = await refused.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(QmpError);
    expect(String(error)).toContain('QEMU refused device_add: no such bus');
  });

  it('refuses an answer of another shape than asked for', async () => {
    const answer = client.execute('query-uuid', z.object({ UUID: z.string() }), {}, never);
    say({ return: { UUID: 7 }, id: 1 });
    await expect(answer).rejects.toThrow();
  });

  it('gives events to listeners', async () => {
    const seen = new Promise<QmpEvent>((resolve) => client.onEvent(resolve));
    say({ event: 'SHUTDOWN', data: { guest: true, reason: 'guest-shutdown' }, timestamp: {} });
    expect(await seen).toEqual({ name: 'SHUTDOWN', data: { guest: true, reason: 'guest-shutdown' } });
  });

  it('fails what waits when the connection ends, and on abort', async () => {
    const abort = new AbortController();
    const canceled = client.execute('a', z.unknown(), {}, abort.signal);
    abort.abort();
    await expect(canceled).rejects.toMatchObject({ code: Code.Canceled });
    const lost = client.execute('b', z.unknown(), {}, never);
    client.close();
    await expect(lost).rejects.toMatchObject({ code: Code.Unavailable });
    await expect(client.execute('c', z.unknown(), {}, never)).rejects.toMatchObject({
      code: Code.Unavailable,
    });
  });

  it('closes on anything that is no QMP, and on a line without end', async () => {
    qemu.write('hello\n');
    expect(await client.closed).toContain('no QMP');
    const [host, other] = duplexPair();
    const flooded = new QmpClient(host);
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 6; count++) other.write(piece);
    expect(await flooded.closed).toContain('more than');
  });
});
