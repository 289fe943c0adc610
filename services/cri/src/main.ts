import { runService } from '@protect/service/run';
import { version } from '@protect/service/version';
import { startCri } from './cri.ts';

await runService({ name: 'cri', version, start: startCri });
