import { runService } from '@protect/service/run';
import { startCri } from './cri.ts';

await runService({ name: 'cri', start: startCri });
