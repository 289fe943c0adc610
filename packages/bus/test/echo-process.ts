import { connectBus } from '@protect/bus/connection';
import { serveOnBus } from '@protect/bus/serve';
import { statePaths } from '@protect/config/paths';
import { echoRoutes } from './echo-handlers.ts';

// protect-storage of a test: serves EchoService until it is killed.

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const bus = await connectBus(statePaths(process.argv[2] ?? ''), 'storage', {
  signal: AbortSignal.timeout(10_000),
  logger,
});
await serveOnBus(bus, echoRoutes());
process.stdout.write('ready\n');
