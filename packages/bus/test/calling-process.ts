import { createClient } from '@connectrpc/connect';
import { connectBus } from '@protect/bus/connection';
import { createBusTransport } from '@protect/bus/transport';
import { statePaths } from '@protect/config/paths';
import { EchoService } from './echo-service.ts';

// protect-cri of a test: makes calls that do not end, until it is killed.

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const bus = await connectBus(statePaths(process.argv[2] ?? ''), 'cri', {
  signal: AbortSignal.timeout(10_000),
  logger,
});
const client = createClient(EchoService, createBusTransport(bus, 'daemon', { defaultTimeoutMs: 0 }));
await Promise.all([
  client.hang({}),
  (async () => {
    for await (const _ of client.repeat({ value: new Uint8Array(10) })) await new Promise(() => {});
  })(),
]);
