import { HostCpuTopologyClass } from '@protect/proto/control-common';
import type { ControlDeps, ControlMethods } from './deps.ts';

const classes = {
  standard: HostCpuTopologyClass.STANDARD,
  performance: HostCpuTopologyClass.PERFORMANCE,
  efficiency: HostCpuTopologyClass.EFFICIENCY,
} as const;

/** The host's processors that are online. */
export function getHostCpuTopology({
  processors,
}: Pick<ControlDeps, 'processors'>): ControlMethods['getHostCpuTopology'] {
  return async (_request, { signal }) => {
    const cpus = await processors.topology(signal);
    return { cpus: cpus.map((cpu) => ({ ...cpu, class: classes[cpu.class] })) };
  };
}
