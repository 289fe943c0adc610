import { randomBytes } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { DialNetworkSocketRequestSchema } from '@protect/proto/control';
import type { Zone } from '@protect/proto/control-common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroyZone, eventually, launchWorkload, launchZone } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;
let zone: Zone;

beforeAll(async () => {
  stack = await startStack();
  zone = await launchZone(stack.client);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

interface Target {
  readonly zoneId?: string;
  readonly address?: string;
  readonly port: number;
}

/** Dials, sends `data` and the end, and gives all that comes back. */
async function exchange(target: Target, data: Uint8Array, endInput: Promise<unknown> = Promise.resolve()) {
  async function* requests(): AsyncGenerator<MessageInitShape<typeof DialNetworkSocketRequestSchema>> {
    yield { request: { case: 'start', value: { zoneId: zone.id, ...target } } };
    for (let at = 0; at < data.length; at += 50_000) {
      yield { request: { case: 'data', value: { content: data.subarray(at, at + 50_000) } } };
    }
    await endInput;
  }
  const contents: Uint8Array[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const reply of stack.client.dialNetworkSocket(requests(), { signal })) {
    contents.push(reply.data?.content ?? new Uint8Array());
  }
  return contents;
}

/** Runs a server in the zone until it listens. */
async function serve(port: number, ...command: readonly string[]): Promise<void> {
  await launchWorkload(stack.client, zone.id, await busyboxImage(), command);
  await eventually(stack.client, `a server on port ${port}`, async () => {
    const outcome = await exchange({ port }, new Uint8Array()).catch(ConnectError.from);
    return outcome instanceof ConnectError && outcome.code === Code.Unavailable ? undefined : true;
  });
}

const addresses = () =>
  zone.status?.networkStatus?.interfaces[0]?.ips.map(({ address }) => address.replace(/\/.*/, '')) ?? [];

describe('a server in a zone', () => {
  beforeAll(() => serve(7000, 'nc', '-ll', '-p', '7000', '-e', 'cat'));

  test.each([
    ['on its loopback', () => ''],
    ['by IPv4', () => '127.0.0.1'],
    ['by IPv6', () => '::1'],
    ['on its link by IPv4', () => addresses()[0]],
    ['on its link by IPv6', () => addresses()[1]],
  ])('%s gets a megabyte unchanged, and answers with it after the end', async (_, address) => {
    const data = randomBytes(1 << 20);
    const contents = await exchange({ address: address() ?? 'none', port: 7000 }, data);
    expect(Buffer.concat(contents).equals(data)).toBe(true);
    expect(contents.at(-1)).toHaveLength(0);
  });

  test('that only IPv6 reaches is found on the loopback, many times at once', async () => {
    await serve(7001, 'httpd', '-f', '-p', '[::1]:7001', '-h', '/etc');
    const get = Buffer.from('GET /passwd HTTP/1.0\r\n\r\n');
    const answers = await Promise.all(Array.from({ length: 8 }, () => exchange({ port: 7001 }, get)));
    for (const contents of answers) expect(Buffer.concat(contents).toString()).toContain('root:x:0:0:');
    await expect(exchange({ address: '127.0.0.1', port: 7001 }, get)).rejects.toMatchObject({
      code: Code.Unavailable,
    });
  });

  test('that ends first ends the call, though the caller never does', async () => {
    await serve(7002, 'nc', '-ll', '-p', '7002', '-e', 'echo', 'bye');
    const [bye, end] = await exchange({ port: 7002 }, new Uint8Array(), new Promise(() => undefined));
    expect(Buffer.from(bye ?? []).toString()).toBe('bye\n');
    expect(end).toHaveLength(0);
  });
});

test('a port that nobody listens on is UNAVAILABLE, with its address', async () => {
  for (const address of ['127.0.0.1', '::1']) {
    await expect(exchange({ address, port: 7999 }, new Uint8Array())).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining(`${address} port 7999: Connection refused`),
    });
  }
  await expect(exchange({ port: 7999 }, new Uint8Array())).rejects.toMatchObject({ code: Code.Unavailable });
});

test('a zone that goes away in the middle ends the call with an error', async () => {
  const begun = Promise.withResolvers<void>();
  async function* requests(): AsyncGenerator<MessageInitShape<typeof DialNetworkSocketRequestSchema>> {
    yield { request: { case: 'start', value: { zoneId: zone.id, port: 7000 } } };
    yield { request: { case: 'data', value: { content: Buffer.from('x') } } };
    await new Promise(() => undefined);
  }
  const dialling = (async () => {
    for await (const _ of stack.client.dialNetworkSocket(requests())) begun.resolve();
  })();
  dialling.catch(() => undefined);
  await begun.promise;
  await destroyZone(stack.client, zone.id);
  await expect(dialling).rejects.toMatchObject({ code: expect.toSatisfy((code) => code !== Code.Internal) });
  await expect(exchange({ port: 7000 }, new Uint8Array())).rejects.toMatchObject({ code: Code.NotFound });
});
