import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { CallAudit } from '../audit/call-audit.ts';
import { callerKey } from '../callers/caller.ts';
import type { CallLimits } from './call-limits.ts';

/** What every call goes through before its request is read. */
export function controlGate(deps: {
  readonly audit: Pick<CallAudit, 'begin'>;
  readonly limits: CallLimits;
}): (context: HandlerContext) => void {
  return (context) => {
    deps.audit.begin(context);
    if (context.values.get(callerKey).kind === 'unknown') {
      throw new ConnectError('it cannot be told who makes the call', Code.Unauthenticated);
    }
    deps.limits.admit(context);
  };
}
