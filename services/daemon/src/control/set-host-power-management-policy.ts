import type { ControlDeps, ControlMethods } from './deps.ts';

/** `scheduler` is the name of a frequency governor; what asks for nothing changes nothing. */
export function setHostPowerManagementPolicy({
  processors,
}: Pick<ControlDeps, 'processors'>): ControlMethods['setHostPowerManagementPolicy'] {
  return async ({ scheduler, smtAwareness }, { signal }) => {
    if (smtAwareness) await processors.packThreads(signal);
    if (scheduler !== '') await processors.setGovernor(scheduler, signal);
    return {};
  };
}
