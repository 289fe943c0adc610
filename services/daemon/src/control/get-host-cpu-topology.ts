import { HostCpuTopologyClass } from '@protect/proto/control-common';
import { readCpuTopology } from '../host/cpu-topology.ts';
import type { ControlMethods } from './deps.ts';

const classes = {
  standard: HostCpuTopologyClass.STANDARD,
  performance: HostCpuTopologyClass.PERFORMANCE,
  efficiency: HostCpuTopologyClass.EFFICIENCY,
} as const;

/** The host's processors that are online. */
export function getHostCpuTopology(): ControlMethods['getHostCpuTopology'] {
  return async () => {
    const cpus = await readCpuTopology();
    return { cpus: cpus.map((cpu) => ({ ...cpu, class: classes[cpu.class] })) };
  };
}
