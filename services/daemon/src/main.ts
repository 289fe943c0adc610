import { runService } from '@protect/service/run';
import { startDaemon } from './daemon.ts';

await runService({
  name: 'daemon',
  flags: { 'zone-kernel': { type: 'string' }, 'zone-initrd': { type: 'string' } },
  start: startDaemon,
});
