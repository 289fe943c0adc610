import type { StatePaths } from '@protect/config/paths';
import type { WorkloadRecord } from '../state/workload-record.ts';
import { OutputLog } from './output-log.ts';

/** The open output logs, one for each workload; opened when first asked for. */
export interface OutputLogs extends AsyncDisposable {
  open(record: WorkloadRecord): Promise<OutputLog>;
  /** Ends the log's readers; it may be opened again. */
  close(id: WorkloadRecord['id']): Promise<void>;
}

/** Files that the output of a run is spread over; the oldest makes room. */
const segments = 16;

/** `keptMib` is the most that is kept of one run. */
export function createOutputLogs(paths: StatePaths, keptMib: number): OutputLogs {
  const limits = { segmentBytes: Math.floor((keptMib * 1024 * 1024) / segments), segments };
  const logs = new Map<WorkloadRecord['id'], Promise<OutputLog>>();

  async function close(id: WorkloadRecord['id']): Promise<void> {
    const opening = logs.get(id);
    logs.delete(id);
    // One that did not open has nothing to close.
    const log = await opening?.catch(() => undefined);
    await log?.close();
  }

  return {
    async open(record) {
      const known = logs.get(record.id);
      if (known !== undefined) return await known;
      const opening = OutputLog.open(paths.workloadOutput(record.spec.zoneId, record.id), limits);
      logs.set(record.id, opening);
      opening.catch(() => logs.delete(record.id));
      return await opening;
    },
    close,
    async [Symbol.asyncDispose]() {
      await Promise.all([...logs.keys()].map(close));
    },
  };
}
