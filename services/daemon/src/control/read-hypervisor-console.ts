import type { ControlDeps, ControlMethods } from './deps.ts';

/** What the hypervisor has printed; FAILED_PRECONDITION names the driver that has such a console. */
export function readHypervisorConsole({
  hypervisor,
}: Pick<ControlDeps, 'hypervisor'>): ControlMethods['readHypervisorConsole'] {
  return async (_request, { signal }) => ({ data: await hypervisor.readConsole(signal) });
}
