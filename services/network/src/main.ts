import { runService } from '@protect/service/run';
import { version } from '@protect/service/version';
import { startNetwork } from './network.ts';

await runService({ name: 'network', version, start: startNetwork });
