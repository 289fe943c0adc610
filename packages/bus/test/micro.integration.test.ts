import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectNats, type NatsLink } from '../src/nats.ts';
import { serveOnBus } from '../src/serve.ts';
import { readCredentials, readServerAddress } from '../src/server-address.ts';
import { createBusTransport } from '../src/transport.ts';
import { EchoService } from './echo-service.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
let operator: NatsLink;

beforeAll(async () => {
  stand = await openStand();
  const { url } = await readServerAddress(stand.paths);
  operator = await connectNats({
    url,
    ...(await readCredentials(stand.paths, 'operator')),
    name: 'test',
    onEvent: () => {},
  });
  const [storage, daemon] = await Promise.all([stand.connect('storage'), stand.connect('daemon')]);
  const routes = {
    echo: ({ value }: { value: Uint8Array }) => ({ value }),
    hang() {
      throw new ConnectError('not today', Code.Aborted);
    },
  };
  await serveOnBus(storage, (router) => void router.service(EchoService, routes), { version: '1.2.3' });
  const client = createClient(
    EchoService,
    createBusTransport(daemon, 'storage', { defaultTimeoutMs: 5_000 }),
  );
  await client.echo({});
  await client.echo({});
  await client.hang({}).catch(() => {});
});

afterAll(async () => {
  await operator.close();
  await stand[Symbol.asyncDispose]();
});

/** What the first service answers to a question of NATS' micro-service protocol. */
async function ask(subject: string): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const end = operator.subscribe('_INBOX_operator.*', undefined, ({ data }) => resolve(data));
  operator.publish(subject, new Uint8Array(), { reply: '_INBOX_operator.q' });
  const answer = Buffer.from(await promise).toString();
  end();
  return JSON.parse(answer);
}

test('micro: PING names the service and its version', async () => {
  for (const subject of ['$SRV.PING', '$SRV.PING.protect-storage']) {
    expect(await ask(subject)).toMatchObject({
      type: 'io.nats.micro.v1.ping_response',
      name: 'protect-storage',
      version: '1.2.3',
      id: expect.stringMatching(/^[0-9a-f]+$/),
    });
  }
});

test('micro: INFO lists the methods and where they are called', async () => {
  expect(await ask('$SRV.INFO.protect-storage')).toMatchObject({
    type: 'io.nats.micro.v1.info_response',
    endpoints: ['Echo', 'Hang', 'Repeat', 'Collect', 'Talk'].map((name) => ({
      name,
      subject: `protect.rpc.storage.v1.${name}`,
    })),
  });
});

test('micro: STATS counts calls and errors of each method', async () => {
  expect(await ask('$SRV.STATS.protect-storage')).toMatchObject({
    type: 'io.nats.micro.v1.stats_response',
    started: expect.any(String),
    endpoints: [
      { name: 'Echo', num_requests: 2, num_errors: 0 },
      { name: 'Hang', num_requests: 1, num_errors: 1, last_error: '[aborted] not today' },
      { name: 'Repeat', num_requests: 0 },
      { name: 'Collect', num_requests: 0 },
      { name: 'Talk', num_requests: 0 },
    ],
  });
});
