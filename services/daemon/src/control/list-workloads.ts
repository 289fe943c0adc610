import type { ControlDeps, ControlMethods } from './deps.ts';
import { inPages, specBytes } from './pages.ts';
import { toWireWorkload } from './workload-wire.ts';

/** All workloads, oldest first, some in each message; at least one message. */
export function listWorkloads({ state }: Pick<ControlDeps, 'state'>): ControlMethods['listWorkloads'] {
  return async function* () {
    const workloads = state.workloads.all().sort((a, b) => a.createdAtMs - b.createdAtMs);
    for (const page of inPages(workloads, ({ spec }) => specBytes(spec)))
      yield { workloads: page.map(toWireWorkload) };
  };
}
