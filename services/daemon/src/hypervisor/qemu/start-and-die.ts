import { statePaths } from '@protect/config/paths';
import { pino } from 'pino';
import type { DomainSpec } from '../hypervisor.ts';
import { createQemuHypervisor } from './driver.ts';

// A daemon for tests: starts the zone in its second argument below the state folder in its first, and is
// killed without any chance to put things in order.
const [state = '', spec = ''] = process.argv.slice(2);
const hypervisor = createQemuHypervisor({
  paths: statePaths(state),
  logger: pino({ level: 'silent' }),
  acceleration: 'tcg',
});
const parsed: DomainSpec = JSON.parse(spec);
await hypervisor.start(parsed, AbortSignal.timeout(30_000));
process.kill(process.pid, 'SIGKILL');
