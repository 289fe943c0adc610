import { runService } from '@protect/service/run';
import { version } from '@protect/service/version';
import { orchestratorFlags, startOrchestrator } from './orchestrator.ts';

await runService({ name: 'orchestrator', version, flags: orchestratorFlags, start: startOrchestrator });
