import { runService } from '@protect/service/run';
import { startStorage } from './storage.ts';

await runService({ name: 'storage', start: startStorage });
