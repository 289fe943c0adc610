import { runService } from '@protect/service/run';
import { orchestratorFlags, startOrchestrator } from './orchestrator.ts';

await runService({ name: 'orchestrator', flags: orchestratorFlags, start: startOrchestrator });
