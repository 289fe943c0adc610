import { randomUUID } from 'node:crypto';
import type { DescMethod, Message } from '@bufbuild/protobuf';
import { ConnectError, createContextKey, type HandlerContext, type Interceptor } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { callerKey } from '../callers/caller.ts';
import { type CallObject, objectOfReply, objectOfRequest } from './call-object.ts';
import type { CallRecord } from './call-record.ts';

/** Records every call of the control API: who makes it, what it is about, and how it goes. */
export interface CallAudit {
  /** Begins the record of a call, before its request is read. */
  begin(context: HandlerContext): void;
  /** Finds out what the call is about, and how it ends. It has to be the first, to see what callers see. */
  readonly interceptor: Interceptor;
}

/** A call under way. */
interface AuditedCall {
  about(object: CallObject): void;
  /** The first time counts. */
  end(code: string): void;
}

const callKey = createContextKey<AuditedCall | undefined>(undefined, { description: 'audited call' });

/** Hands each record to `record`, which must neither wait nor throw. */
export function createCallAudit(record: (record: CallRecord) => void): CallAudit {
  const instance = randomUUID();
  let calls = 0;

  function open({ method, protocolName, values }: HandlerContext): AuditedCall {
    const streams = method.methodKind !== 'unary';
    const startedAt = performance.now();
    calls += 1;
    const call = `${instance}-${calls}`;
    const time = new Date();
    const caller = values.get(callerKey);
    let object: CallObject = {};
    const recordOf = (phase: CallRecord['phase']): CallRecord => {
      return { call, phase, time, method: method.name, protocol: protocolName, caller, object };
    };
    let begun = !streams;
    let ended = false;
    const begin = () => {
      if (begun) return;
      begun = true;
      record(recordOf('begin'));
    };
    return {
      about(more) {
        if (ended) return;
        object = { ...object, ...more };
        begin();
      },
      end(code) {
        if (ended) return;
        begin();
        ended = true;
        const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
        record({ ...recordOf(streams ? 'end' : 'call'), code, durationMs });
      },
    };
  }

  return {
    begin(context) {
      const call = open(context);
      context.values.set(callKey, call);
      const { signal } = context;
      // Whoever goes away, and a request that cannot be read, never get to the end of the interceptor.
      const onAbort = () => call.end(outcomeOf(signal.reason));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    },
    interceptor: (next) => async (request) => {
      const call = request.contextValues.get(callKey);
      if (call === undefined) return await next(request);
      const { method } = request;
      try {
        if (!request.stream) {
          call.about(objectOfRequest(method, request.message));
          const response = await next(request);
          if (!response.stream) call.about(objectOfReply(method, response.message));
          call.end('ok');
          return response;
        }
        const message = seen(request.message, method, call);
        const response = await next({ ...request, message });
        if (!response.stream) return response;
        return { ...response, message: followed(response.message, call) };
      } catch (error) {
        call.end(outcomeOf(error));
        throw error;
      }
    },
  };
}

async function* seen<T extends Message>(messages: AsyncIterable<T>, method: DescMethod, call: AuditedCall) {
  let first = true;
  for await (const message of messages) {
    if (first) call.about(objectOfRequest(method, message));
    first = false;
    yield message;
  }
}

async function* followed<T>(messages: AsyncIterable<T>, call: AuditedCall) {
  try {
    yield* messages;
    call.end('ok');
  } catch (error) {
    call.end(outcomeOf(error));
    throw error;
  }
}

function outcomeOf(reason: unknown): string {
  return reason instanceof ConnectError ? codeToString(reason.code) : 'canceled';
}
