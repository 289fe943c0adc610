import { runService } from '@protect/service/run';
import { version } from '@protect/service/version';
import { startStorage } from './storage.ts';

await runService({ name: 'storage', version, start: startStorage });
