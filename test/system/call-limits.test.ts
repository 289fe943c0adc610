import { connect } from 'node:net';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { ControlService } from '@protect/proto/control';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startStack, type TestStack } from './stack.ts';

const perCaller = 3;

let stack: TestStack;

beforeAll(async () => {
  const daemonToml = `[runtime.limits]\nstreams-per-caller = ${perCaller}\nmessage-kib = 64\n`;
  stack = await startStack({ daemonToml });
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  if (error === undefined) throw new Error('the call was not refused');
  return error;
}

function wires(): [string, () => Transport][] {
  const baseUrl = 'http://localhost';
  const nodeOptions = { createConnection: () => connect(stack.paths.daemonSocket) };
  return [
    ['Connect', () => createConnectTransport({ baseUrl, httpVersion: '2', nodeOptions })],
    ['gRPC', () => createGrpcTransport({ baseUrl, nodeOptions })],
    ['gRPC-Web', () => createGrpcWebTransport({ baseUrl, httpVersion: '2', nodeOptions })],
  ];
}

describe.each(wires())('over %s', (_, transport) => {
  test('a caller has so many streams, whatever its connections, and unary calls besides', async () => {
    const stop = new AbortController();
    const client = createClient(ControlService, transport());
    const watch = () => client.watchEvents({}, { signal: stop.signal })[Symbol.asyncIterator]().next();
    const open = Array.from({ length: perCaller }, () => watch().catch(() => undefined));
    // Streams of one connection begin in order, so the one too many is the last.
    const error = await refusal(watch());
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toMatch(/user 0 has 3 streams .* streams-per-caller of \[runtime.limits\]/);
    expect((await client.getHostStatus({})).hostUuid).not.toBe('');
    stop.abort();
    await Promise.all(open);
    await expect
      .poll(async () => {
        const pages: unknown[] = [];
        try {
          for await (const page of client.listZones({})) pages.push(page);
        } catch {
          // The daemon has not yet seen all of them go.
        }
        return pages.length;
      })
      .toBe(1);
  });

  test('a message has a largest size', async () => {
    const client = createClient(ControlService, transport());
    const annotations = [{ key: 'a', value: 'x'.repeat(100_000) }];
    const error = await refusal(client.createZone({ spec: { annotations } }));
    expect(error.code).toBe(Code.ResourceExhausted);
  });
});
