import { parseWorkloadId, type WorkloadId, type ZoneId } from '@protect/config/ids';
import { type Inventory, type ProcessExit, WorkloadPhase } from '@protect/proto/idm';
import type { IdmConnection } from '../idm/connection.ts';
import type { WorkloadRecord } from '../state/workload-record.ts';
import type { WorkloadDeps } from './deps.ts';
import type { Sessions } from './sessions.ts';
import { hopWorkload } from './state.ts';

/** Longest wait for the last output before an exit is acknowledged all the same. */
const drainMs = 60_000;

interface ExitDeps extends WorkloadDeps {
  readonly sessions: Sessions;
}

/** The record of a zone's own workload that is not on its way out. */
function ownWorkload(deps: WorkloadDeps, zoneId: ZoneId, text: string): WorkloadRecord | undefined {
  const id = parseWorkloadId(text);
  const record = id === undefined ? undefined : deps.state.workloads.get(id);
  return record?.spec.zoneId === zoneId && record.desired === 'present' ? record : undefined;
}

/** Notes that a run is under way; a run that has ended stays ended. */
export async function recordRun(deps: WorkloadDeps, id: WorkloadId, run: number): Promise<void> {
  await deps.state.workloads.update(id, (current) => {
    if (current.run > run || (current.run === run && current.status.state !== 'created')) return current;
    const status = hopWorkload(current.status, { state: 'running' });
    return status === current.status && current.run === run ? current : { ...current, status, run };
  });
}

/**
 * Stores how a run ended, then lets the zone forget it once its output is stored. A zone tells exits
 * again until then, so that none is lost and none counts twice.
 */
export async function recordExit(
  deps: ExitDeps,
  zoneId: ZoneId,
  told: { readonly workloadId: string; readonly run: number; readonly exit?: ProcessExit | undefined },
  connection: IdmConnection,
): Promise<void> {
  const record = ownWorkload(deps, zoneId, told.workloadId);
  if (record === undefined) return;
  const { run, exit } = told;
  if (run < record.run || exit === undefined) return;
  deps.sessions.ensure(record, run, connection);
  await deps.state.workloads.update(record.id, (current) => {
    if (current.run > run || (current.run === run && current.status.state === 'completed')) return current;
    const { code, signal, oomKilled } = exit;
    const status = hopWorkload(current.status.state === 'completed' ? { state: 'running' } : current.status, {
      state: 'completed',
      exitCode: code,
      signal,
      oomKilled,
    });
    return { ...current, status, run };
  });
  await Promise.race([deps.sessions.drained(record.id), timeout(drainMs)]);
  await connection.request({ case: 'acknowledgeExit', value: { workloadId: record.id, run } });
}

/** Brings the records in line with what the zone holds; called after each hello. */
export async function takeInventory(
  deps: ExitDeps,
  zoneId: ZoneId,
  inventory: Inventory,
  connection: IdmConnection,
): Promise<void> {
  const held = new Map(inventory.workloads.map((workload) => [workload.workloadId, workload]));
  for (const record of deps.state.workloadsOf(zoneId)) {
    const workload = held.get(record.id);
    const { state } = record.status;
    if (workload === undefined) {
      if (record.desired === 'present' && (state === 'created' || state === 'running')) {
        await failWorkload(deps, record.id, 'the zone no longer holds this workload');
      }
      continue;
    }
    if (record.desired === 'gone') continue;
    if (workload.phase === WorkloadPhase.RUNNING) {
      await recordRun(deps, record.id, workload.run);
      deps.sessions.ensure(record, workload.run, connection);
    } else if (workload.phase === WorkloadPhase.EXITED && workload.exitUnacknowledged && workload.exit) {
      const { workloadId, run, exit } = workload;
      const told = recordExit(deps, zoneId, { workloadId, run, exit }, connection);
      deps.background('workload exit', told);
    }
  }
  for (const id of held.keys()) {
    if (ownWorkload(deps, zoneId, id) !== undefined) continue;
    const parsed = parseWorkloadId(id);
    if (parsed !== undefined && deps.state.workloads.get(parsed)?.spec.zoneId === zoneId) continue;
    deps.logger.warn({ zone: zoneId }, 'the zone holds a workload that is not known; it is taken down');
    const request = connection.request({ case: 'destroyWorkload', value: { workloadId: id } });
    deps.background('destroy unknown workload', request);
  }
}

/** Ends a workload with a reason, if its state allows that. */
export async function failWorkload(deps: WorkloadDeps, id: WorkloadId, message: string): Promise<void> {
  await deps.state.workloads.update(id, (current) => {
    const status = hopWorkload(current.status, { state: 'failed', message });
    return status === current.status ? current : { ...current, status };
  });
}

async function timeout(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
