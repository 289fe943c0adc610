import { Code, createContextValues, createHandlerContext } from '@connectrpc/connect';
import { ControlService } from '@protect/proto/control';
import { describe, expect, it } from 'vitest';
import { type Caller, callerKey } from '../callers/caller.ts';
import { unaryCallsPerCallerMax } from '../limits.ts';
import { createCallLimits } from './call-limits.ts';

const { watchEvents, getZone } = ControlService.method;
const user = (uid: number, pid = uid): Caller => ({ kind: 'process', uid, gid: 0, pid });

function contextOf(method: typeof watchEvents | typeof getZone, caller: Caller) {
  return createHandlerContext({
    service: ControlService,
    method,
    protocolName: 'grpc',
    requestMethod: 'POST',
    url: 'http://localhost',
    contextValues: createContextValues().set(callerKey, caller),
  });
}

const tooMany = expect.objectContaining({ code: Code.ResourceExhausted });

describe('calls under way', () => {
  it('are limited for each caller, whatever process of it they come from', () => {
    const limits = createCallLimits({ streams: 10, streamsPerCaller: 2 });
    const open = [1, 2].map(() => contextOf(watchEvents, user(1000)));
    for (const context of open) limits.admit(context);
    const other = contextOf(watchEvents, user(1000, 99));
    expect(() => limits.admit(other)).toThrow(tooMany);
    expect(() => limits.admit(other)).toThrow(/user 1000 has 2 streams under way already; .*daemon.toml/);
    limits.admit(contextOf(watchEvents, user(1001)));
    limits.admit(contextOf(getZone, user(1000)));
    open[0]?.abort();
    limits.admit(other);
  });

  it('are limited for all callers together', () => {
    const limits = createCallLimits({ streams: 3, streamsPerCaller: 2 });
    const open = [1, 2, 3].map((uid) => contextOf(watchEvents, user(uid)));
    for (const context of open) limits.admit(context);
    const fourth = contextOf(watchEvents, user(4));
    expect(() => limits.admit(fourth)).toThrow(/all callers together have 3 streams/);
    open[1]?.abort();
    limits.admit(fourth);
  });

  it('are limited when they are unary too', () => {
    const limits = createCallLimits({ streams: 1, streamsPerCaller: 1 });
    for (let call = 0; call < unaryCallsPerCallerMax; call++) limits.admit(contextOf(getZone, user(1)));
    expect(() => limits.admit(contextOf(getZone, user(1)))).toThrow(tooMany);
  });

  it('leave nothing behind when they end before they are counted', () => {
    const limits = createCallLimits({ streams: 1, streamsPerCaller: 1 });
    for (let call = 0; call < 3; call++) {
      const context = contextOf(watchEvents, user(1));
      context.abort();
      limits.admit(context);
    }
  });
});
