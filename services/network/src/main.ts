import { runService } from '@protect/service/run';
import { startNetwork } from './network.ts';

await runService({ name: 'network', start: startNetwork });
