import { runService } from '@protect/service/run';
import { readConfiguration } from './configuration.ts';
import { startDaemon } from './daemon.ts';

await runService({
  name: 'daemon',
  flags: {
    'zone-kernel': { type: 'string' },
    'zone-initrd': { type: 'string' },
    hypervisor: { type: 'string' },
  },
  start: {
    async configure(options) {
      const config = await readConfiguration(options);
      return (context) => startDaemon(context, config);
    },
  },
});
