import type { ControlDeps, ControlMethods } from './deps.ts';

/** What the hypervisor knows of host, machines and devices; FAILED_PRECONDITION names the driver that tells it. */
export function hypervisorDebugInfo({
  hypervisor,
}: Pick<ControlDeps, 'hypervisor'>): ControlMethods['hypervisorDebugInfo'] {
  return async (_request, { signal }) => ({ json: JSON.stringify(await hypervisor.debugInfo(signal)) });
}
