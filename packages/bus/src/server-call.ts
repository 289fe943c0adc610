import {
  Code,
  ConnectError,
  createContextValues,
  createHandlerContext,
  type HandlerContext,
} from '@connectrpc/connect';
import {
  createMethodSerializationLookup,
  invokeUnaryImplementation,
  transformInvokeImplementation,
} from '@connectrpc/connect/protocol';
import { type CallStream, createCallStream } from './call-stream.ts';
import type { Bus } from './connection.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import { inlineBytes, maxErrorBytes, maxMessageBytes, maxSilentIntervals } from './limits.ts';
import {
  encodeHeaders,
  errorCodeHeader,
  errorHeader,
  foreignHeaders,
  headerBytes,
  streamHeader,
  timeoutHeader,
  trailerHeaders,
} from './metadata.ts';
import type { BusMessage } from './nats.ts';
import type { Route } from './router.ts';
import { frameSubject, inboxOwner, parseReplySubject } from './subjects.ts';
import { callOver, encodeEnd, encodeError } from './wire-error.ts';

/** The server's end of one call. */
export interface ServerCall {
  /** A frame that the caller sent after the call's first message. */
  receive(bytes: Uint8Array): void;
  /** Called every interval: asks whether the caller is there, and gives up when it has been silent for long. */
  tick(): void;
  /** Nobody listens any more where the call is answered. */
  callerGone(): void;
  /** Ends the call with `error`; the caller is told when the bus still reaches it. */
  abort(error: ConnectError): void;
  /** Settles when the handler has returned and its answer is sent. Never rejects. */
  readonly done: Promise<ConnectError | undefined>;
}

export interface ServerCallInit {
  readonly bus: Bus;
  readonly route: Route;
  /** The call's first message and where it is answered. */
  readonly message: BusMessage;
  readonly reply: string;
}

/** Carries one call out: decodes, runs the handler, answers. */
export function runServerCall({ bus, route, message, reply }: ServerCallInit): ServerCall {
  const { spec, interceptors, requestGate } = route;
  const requestHeader = message.headers ?? new Headers();
  // Someone who calls by hand sends JSON, often without saying so.
  const binary = /^application\/(x-)?proto(buf)?$/.test(requestHeader.get('content-type') ?? '');
  const streamed = requestHeader.has(streamHeader);
  /** Only our own callers have one, and understand frames. */
  const address = parseReplySubject(reply);
  const framed = address !== undefined;
  const cancelled = new AbortController();
  const serialization = createMethodSerializationLookup(spec.method, undefined, undefined, {
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: maxMessageBytes,
  });
  const input = serialization.getI(binary);
  const output = serialization.getO(binary);
  let silentIntervals = 0;
  let over = false;

  const stream: CallStream = createCallStream({
    send: (frame) => {
      if (!over) bus.publish(reply, frame);
    },
  });

  function abort(error: ConnectError) {
    if (over) return;
    cancelled.abort(error);
    stream.fail(error);
  }

  async function run(): Promise<ConnectError | undefined> {
    const timeoutMs = parseTimeout(requestHeader.get(timeoutHeader));
    const context = createHandlerContext({
      service: spec.method.parent,
      method: spec.method,
      protocolName: 'nats',
      requestMethod: 'POST',
      url: `nats:${message.subject}`,
      requestHeader: new Headers(foreignHeaders(requestHeader)),
      requestSignal: cancelled.signal,
      contextValues: route.contextValues?.(inboxOwner(reply)) ?? createContextValues(),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    // A handler that waits for a message of the caller gets to know too.
    context.signal.addEventListener('abort', () => {
      if (!over) stream.fail(ConnectError.from(context.signal.reason, Code.Canceled));
    });
    let failure: ConnectError | undefined;
    try {
      requestGate?.(context);
      if (spec.kind === 'unary' && !streamed) await unary(context);
      else await streaming(context);
    } catch (error) {
      failure = handlerError(error, context.signal);
      fail(failure, new Headers([...context.responseTrailer, ...failure.metadata]));
    } finally {
      over = true;
      context.abort(failure ?? callOver);
    }
    return failure;
  }

  async function unary(context: HandlerContext) {
    if (spec.kind !== 'unary') return;
    const request = input.parse(message.data);
    const answer = await invokeUnaryImplementation(spec, context, request, interceptors);
    const body = output.serialize(answer);
    const headers: [string, string][] = [
      ['Content-Type', binary ? 'application/protobuf' : 'application/json'],
      ...foreignHeaders(context.responseHeader),
      ...trailerHeaders(context.responseTrailer),
    ];
    if (body.length + headerBytes(headers) <= (framed ? inlineBytes : bus.maxPayloadBytes)) {
      bus.publish(reply, body, { headers });
    } else if (framed) {
      stream.sendMark('headers', encodeHeaders(context.responseHeader));
      await stream.sendMessage(body);
      stream.sendMark('end', encodeEnd(context.responseTrailer, undefined));
    } else {
      throw new ConnectError('the answer does not fit into one NATS message', Code.ResourceExhausted);
    }
  }

  async function streaming(context: HandlerContext) {
    if (!framed || !streamed) {
      const text = `${spec.method.name} is a stream, which takes a client of this project`;
      throw new ConnectError(text, Code.InvalidArgument);
    }
    const requests = parsed(stream.messages, input.parse);
    let started = false;
    for await (const answer of transformInvokeImplementation(spec, context, interceptors)(requests)) {
      if (!started) stream.sendMark('headers', encodeHeaders(context.responseHeader));
      started = true;
      context.signal.throwIfAborted();
      await stream.sendMessage(output.serialize(answer));
    }
    if (!started) stream.sendMark('headers', encodeHeaders(context.responseHeader));
    stream.sendMark('end', encodeEnd(context.responseTrailer, undefined));
  }

  function fail(error: ConnectError, trailer: Headers) {
    if (!bus.connected) return;
    try {
      if (streamed) stream.sendMark('end', encodeEnd(trailer, error));
      else publishError(bus, reply, error, trailer);
    } catch (cause) {
      // Without the error the caller learns at its next ping that the call is gone.
      bus.logger.warn({ err: cause, error }, 'a call failed, and its error could not be sent');
    }
  }

  const callerGone = () => abort(new ConnectError('the caller is gone', Code.Canceled));
  const done = run();
  return {
    done,
    abort,
    receive(bytes) {
      silentIntervals = 0;
      const frame = decodeFrame(bytes);
      if (frame?.kind === 'ping') {
        if (!over && bus.connected) bus.publish(reply, encodeFrame({ kind: 'pong' }));
        return;
      }
      if (frame?.kind === 'cancel') {
        abort(new ConnectError('the caller cancelled the call', Code.Canceled));
        return;
      }
      try {
        if (!frame) throw new ConnectError('the caller sent a frame that cannot be read', Code.Internal);
        stream.receive(frame);
      } catch (error) {
        abort(ConnectError.from(error, Code.Internal));
      }
    },
    tick() {
      if (!address || over || !bus.connected) return;
      silentIntervals += 1;
      if (silentIntervals > maxSilentIntervals) callerGone();
      // nats-server answers for a caller that is gone.
      else bus.publish(reply, encodeFrame({ kind: 'pong' }), { reply: frameSubject(address) });
    },
    callerGone,
  };
}

/** Answers a call with an error; its trailers are left out when they are too large. */
export function publishError(bus: Bus, reply: string, error: ConnectError, trailer: Headers): void {
  const trailers = trailerHeaders(trailer);
  bus.publish(reply, encodeError(error), {
    headers: [
      ['Content-Type', 'application/json'],
      [errorHeader, error.rawMessage.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 1_024) || 'error'],
      [errorCodeHeader, String(httpStatus(error.code))],
      ...(headerBytes(trailers) <= maxErrorBytes ? trailers : []),
    ],
  });
}

/** What the caller is told of `error`: unexpected ones stay here. */
function handlerError(error: unknown, signal: AbortSignal): ConnectError {
  if (error instanceof ConnectError) return error;
  if (signal.aborted && (error === signal.reason || isAbortError(error))) {
    return ConnectError.from(signal.reason, Code.Canceled);
  }
  return new ConnectError(
    'internal error; the service has logged it',
    Code.Internal,
    undefined,
    undefined,
    error,
  );
}

function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function parseTimeout(text: string | null): number | undefined {
  return text !== null && /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined;
}

async function* parsed<T>(messages: AsyncIterable<Uint8Array>, parse: (bytes: Uint8Array) => T) {
  for await (const message of messages) yield parse(message);
}

/** The numbers that NATS' micro-service tools show. */
function httpStatus(code: Code): number {
  switch (code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
    case Code.FailedPrecondition:
      return 400;
    case Code.Unauthenticated:
      return 401;
    case Code.PermissionDenied:
      return 403;
    case Code.NotFound:
      return 404;
    case Code.AlreadyExists:
    case Code.Aborted:
      return 409;
    case Code.ResourceExhausted:
      return 429;
    case Code.Canceled:
      return 499;
    case Code.Unimplemented:
      return 501;
    case Code.Unavailable:
      return 503;
    case Code.DeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}
