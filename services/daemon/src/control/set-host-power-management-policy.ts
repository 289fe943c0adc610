import { Code, ConnectError } from '@connectrpc/connect';
import { setGovernor } from '../host/power-policy.ts';
import type { ControlMethods } from './deps.ts';

/** `scheduler` is the name of a frequency governor; what asks for nothing changes nothing. */
export function setHostPowerManagementPolicy(): ControlMethods['setHostPowerManagementPolicy'] {
  return async ({ scheduler, smtAwareness }) => {
    if (smtAwareness) {
      const text =
        'smt_awareness is a setting of the Xen scheduler, which this host cannot change; leave it out';
      throw new ConnectError(text, Code.FailedPrecondition);
    }
    if (scheduler !== '') await setGovernor(scheduler);
    return {};
  };
}
