import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { LimitsConfig } from '@protect/config/daemon-config';
import { callerAccount, callerKey } from '../callers/caller.ts';
import { unaryCallsMax, unaryCallsPerCallerMax } from '../limits.ts';

/** How many calls of one kind may be under way. */
interface Limit {
  readonly all: number;
  readonly perCaller: number;
  /** Of the callers, to be named in errors. */
  readonly what: string;
  readonly remedy: string;
}

/** Counts the calls under way and refuses those that are too many. */
export interface CallLimits {
  /** Throws RESOURCE_EXHAUSTED; otherwise counts the call until its signal fires. */
  admit(context: HandlerContext): void;
}

export function createCallLimits(config: Pick<LimitsConfig, 'streams' | 'streamsPerCaller'>): CallLimits {
  const streams = callCounter({
    all: config.streams,
    perCaller: config.streamsPerCaller,
    what: 'streams',
    remedy: 'end some, or raise streams and streams-per-caller of [runtime.limits] in daemon.toml',
  });
  const unary = callCounter({
    all: unaryCallsMax,
    perCaller: unaryCallsPerCallerMax,
    what: 'calls',
    remedy: 'wait until some have ended',
  });
  return {
    admit({ method, values, signal }) {
      const release = (method.methodKind === 'unary' ? unary : streams)(callerAccount(values.get(callerKey)));
      if (signal.aborted) release();
      else signal.addEventListener('abort', release, { once: true });
    },
  };
}

function callCounter({ all, perCaller, what, remedy }: Limit): (account: string) => () => void {
  const underWay = new Map<string, number>();
  let total = 0;
  return (account) => {
    const own = underWay.get(account) ?? 0;
    if (own >= perCaller) {
      throw new ConnectError(
        `${account} has ${own} ${what} under way already; ${remedy}`,
        Code.ResourceExhausted,
      );
    }
    if (total >= all) {
      throw new ConnectError(
        `all callers together have ${total} ${what} under way already; ${remedy}`,
        Code.ResourceExhausted,
      );
    }
    total += 1;
    underWay.set(account, own + 1);
    return () => {
      total -= 1;
      const left = (underWay.get(account) ?? 1) - 1;
      if (left === 0) underWay.delete(account);
      else underWay.set(account, left);
    };
  };
}
