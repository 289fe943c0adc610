import type { ControlDeps, ControlMethods } from './deps.ts';

export function getHostStatus({
  hostStatus,
}: Pick<ControlDeps, 'hostStatus'>): ControlMethods['getHostStatus'] {
  return async () => await hostStatus.read();
}
