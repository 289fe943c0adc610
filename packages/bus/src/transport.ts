import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { createClientMethodSerializers, runStreamingCall, runUnaryCall } from '@connectrpc/connect/protocol';
import type { ServiceName } from '@protect/config/paths';
import { type Answer, type ClientCall, openClientCall } from './client-call.ts';
import type { Bus } from './connection.ts';
import { inlineBytes, reconnectPatienceMs } from './limits.ts';
import { foreignHeaders, headerBytes, timeoutHeader } from './metadata.ts';
import { rpcSubject } from './subjects.ts';

export interface BusTransportOptions {
  /** For unary calls that bring none of their own; 0 for no deadline. Streams have none unless asked for. */
  readonly defaultTimeoutMs: number;
  readonly interceptors?: Interceptor[];
}

/**
 * Calls of `server` over the bus. All four kinds of methods; a call that nobody takes fails at once with
 * UNAVAILABLE. Who stops reading a stream must abort its signal: Connect's clients do not tell of a `break`.
 */
export function createBusTransport(bus: Bus, server: ServiceName, options: BusTransportOptions): Transport {
  const { interceptors = [] } = options;
  return {
    unary(method, signal, timeoutMs, header, message, contextValues) {
      const deadlineMs = timeoutMs ?? options.defaultTimeoutMs;
      return runUnaryCall({
        req: {
          stream: false,
          ...requestCommon(server, method, header, deadlineMs),
          contextValues: contextValues ?? createContextValues(),
          method,
          message,
        },
        next: (request) => unary(bus, server, request),
        interceptors,
        ...(deadlineMs > 0 ? { timeoutMs: deadlineMs } : {}),
        ...(signal ? { signal } : {}),
      });
    },
    stream(method, signal, timeoutMs, header, message, contextValues) {
      return runStreamingCall({
        req: {
          stream: true,
          ...requestCommon(server, method, header, timeoutMs ?? 0),
          contextValues: contextValues ?? createContextValues(),
          method,
          message,
        },
        next: (request) => streaming(bus, server, request),
        interceptors,
        ...(timeoutMs && timeoutMs > 0 ? { timeoutMs } : {}),
        ...(signal ? { signal } : {}),
      });
    },
  };
}

function requestCommon(
  server: ServiceName,
  method: DescMethodUnary | DescMethodStreaming,
  header: ConstructorParameters<typeof Headers>[0],
  timeoutMs: number,
) {
  const headers = new Headers(header);
  if (timeoutMs > 0) headers.set(timeoutHeader, String(Math.ceil(timeoutMs)));
  return {
    service: method.parent,
    requestMethod: 'POST',
    url: `nats:${rpcSubject(server, method.name)}`,
    header: headers,
  };
}

async function unary<I extends DescMessage, O extends DescMessage>(
  bus: Bus,
  server: ServiceName,
  request: UnaryRequest<I, O>,
): Promise<UnaryResponse<I, O>> {
  const { method } = request;
  const { parse, serialize } = createClientMethodSerializers(method, true);
  const body = serialize(request.message);
  const headers = requestHeaders(request.header);
  const streamed = body.length + headerBytes(headers) > inlineBytes;
  const call = await open(bus, server, request, headers, streamed ? undefined : body);
  try {
    if (streamed) await sendAll(call, [body]);
    const answer = await call.answer;
    const only = answer.kind === 'plain' ? answer.body : await single(server, answer);
    return {
      stream: false,
      service: method.parent,
      method,
      header: answer.header,
      trailer: answer.trailer,
      message: parse(only),
    };
  } finally {
    call.close();
  }
}

async function streaming<I extends DescMessage, O extends DescMessage>(
  bus: Bus,
  server: ServiceName,
  request: StreamRequest<I, O>,
): Promise<StreamResponse<I, O>> {
  const { method } = request;
  const { parse, serialize } = createClientMethodSerializers(method, true);
  const call = await open(bus, server, request, requestHeaders(request.header), undefined);
  void sendAll(call, serialized(request.message, serialize));
  const answer = await call.answer;
  if (answer.kind === 'plain') {
    throw new ConnectError(`protect-${server} answered ${method.name} with a single message`, Code.Internal);
  }
  return {
    stream: true,
    service: method.parent,
    method,
    header: answer.header,
    trailer: answer.trailer,
    message: parsed(answer.messages, parse),
  };
}

/** Waits for nats-server to be there, then sends the call's first message. */
async function open(
  bus: Bus,
  server: ServiceName,
  request: UnaryRequest | StreamRequest,
  headers: [string, string][],
  body: Uint8Array | undefined,
): Promise<ClientCall> {
  if (!bus.connected) {
    await bus
      .whenConnected(AbortSignal.any([request.signal, AbortSignal.timeout(reconnectPatienceMs)]))
      .catch((cause) => {
        request.signal.throwIfAborted();
        const text = `nats-server is away, so protect-${server} cannot be reached; is nats-server running?`;
        throw new ConnectError(text, Code.Unavailable, undefined, undefined, cause);
      });
  }
  request.signal.throwIfAborted();
  return openClientCall(bus, {
    server,
    method: request.method.name,
    headers,
    body,
    signal: request.signal,
  });
}

function requestHeaders(header: Headers): [string, string][] {
  const headers = foreignHeaders(header);
  headers.push(['Content-Type', 'application/protobuf']);
  const timeout = header.get(timeoutHeader);
  if (timeout) headers.push([timeoutHeader, timeout]);
  return headers;
}

/**
 * Sends all messages and says that there are no more. Never rejects: when the call is over its answer counts,
 * and when there is no next message to be had the call fails with that error.
 */
async function sendAll(call: ClientCall, messages: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  try {
    for await (const message of messages) {
      if (call.over.aborted) return;
      await call.stream.sendMessage(message);
    }
    if (!call.over.aborted) call.stream.sendMark('half-close');
  } catch (error) {
    call.close(ConnectError.from(error, Code.Internal));
  }
}

async function* serialized<T>(messages: AsyncIterable<T>, serialize: (message: T) => Uint8Array) {
  for await (const message of messages) yield serialize(message);
}

async function* parsed<O extends DescMessage>(
  messages: AsyncIterable<Uint8Array>,
  parse: (bytes: Uint8Array) => MessageShape<O>,
) {
  for await (const message of messages) yield parse(message);
}

async function single(server: ServiceName, answer: Answer & { kind: 'stream' }): Promise<Uint8Array> {
  let only: Uint8Array | undefined;
  for await (const message of answer.messages) {
    if (only) throw new ConnectError(`protect-${server} answered more than once`, Code.Internal);
    only = message;
  }
  if (!only) throw new ConnectError(`protect-${server} ended the call without an answer`, Code.Internal);
  return only;
}
