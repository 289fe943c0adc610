import { Code, ConnectError } from '@connectrpc/connect';
import type { ServiceName } from '@protect/config/paths';
import { type CallStream, createCallStream } from './call-stream.ts';
import type { Bus } from './connection.ts';
import { decodeFrame, encodeFrame, type Frame } from './frame.ts';
import { maxOpenCalls, maxSilentIntervals, pingIntervalMs } from './limits.ts';
import { decodeHeaders, errorHeader, splitHeaders, streamHeader } from './metadata.ts';
import type { BusMessage } from './nats.ts';
import { frameSubject, rpcSubject } from './subjects.ts';
import { callOver, decodeEnd, decodeError } from './wire-error.ts';

/** What the server answers with: one message, or a stream of them. */
export type Answer =
  | { readonly kind: 'plain'; readonly header: Headers; readonly trailer: Headers; readonly body: Uint8Array }
  | {
      readonly kind: 'stream';
      readonly header: Headers;
      /** Filled when `messages` has ended. */
      readonly trailer: Headers;
      readonly messages: AsyncIterable<Uint8Array>;
    };

/** The caller's end of one call. */
export interface ClientCall {
  /** Settles with the first sign of an answer; rejects when the call fails before. */
  readonly answer: Promise<Answer>;
  readonly stream: CallStream;
  /** Fires when the call is over for whatever reason. */
  readonly over: AbortSignal;
  /** Forgets the call; one that still goes on is cancelled, and fails with `error` on this side. */
  close(error?: ConnectError): void;
}

export interface ClientCallInit {
  readonly server: ServiceName;
  readonly method: string;
  readonly headers: Iterable<readonly [string, string]>;
  /** The request when it is small; undefined when it follows on the stream. */
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

const openCalls = new WeakMap<Bus, number>();

/** Sends the first message of a call. Throws UNAVAILABLE when nats-server is away. */
export function openClientCall(bus: Bus, init: ClientCallInit): ClientCall {
  const { server, signal } = init;
  const open = openCalls.get(bus) ?? 0;
  if (open >= maxOpenCalls) {
    throw new ConnectError(`${maxOpenCalls} calls are open already; wait for some`, Code.ResourceExhausted);
  }
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  // Whoever reads the stream sees the failure there; nobody may be waiting for the answer any more.
  answer.catch(() => {});
  const over = new AbortController();
  const streamed = init.body === undefined;
  const trailer = new Headers();
  let answered = false;
  let silentIntervals = 0;

  const inbox = bus.openInbox(server, onMessage);
  const frames = frameSubject({ caller: bus.service, server, callId: inbox.id });
  const subject = rpcSubject(server, init.method);
  const stream = createCallStream({
    send: (frame) => {
      if (!over.signal.aborted) bus.publish(frames, frame);
    },
    onHeaders: startStream,
    onEnd(body) {
      const end = decodeEnd(body);
      for (const [name, value] of end.trailer) trailer.append(name, value);
      if (end.error && !answered) reject(end.error);
      if (!end.error) startStream();
      finish();
      return end.error;
    },
  });

  function startStream(headers?: Uint8Array) {
    if (answered) return;
    answered = true;
    const header = headers ? decodeHeaders(headers) : new Headers();
    resolve({ kind: 'stream', header, trailer, messages: stream.messages });
  }

  function finish() {
    if (over.signal.aborted) return;
    clearInterval(pinging);
    signal.removeEventListener('abort', onAbort);
    for (const off of offs) off();
    inbox.close();
    openCalls.set(bus, (openCalls.get(bus) ?? 1) - 1);
    over.abort(callOver);
    if (streamed) stream.stopSending();
  }

  function fail(error: ConnectError) {
    finish();
    reject(error);
    stream.fail(error);
  }

  function sendAside(frame: Frame) {
    try {
      bus.publish(frames, encodeFrame(frame), { reply: inbox.subject });
    } catch (error) {
      fail(ConnectError.from(error, Code.Unavailable));
    }
  }

  function giveUp(error: ConnectError) {
    if (over.signal.aborted) return;
    if (bus.connected) sendAside({ kind: 'cancel' });
    fail(error);
  }

  function onMessage(message: BusMessage) {
    silentIntervals = 0;
    if (message.status === 503) return fail(notThere(server, init.method));
    if (message.headers) return onPlain(message.headers, message.data);
    const frame = decodeFrame(message.data);
    try {
      if (!frame) throw new ConnectError(`protect-${server} sent a frame that cannot be read`, Code.Internal);
      stream.receive(frame);
      if (frame.kind === 'data') startStream();
    } catch (error) {
      giveUp(ConnectError.from(error, Code.Internal));
    }
  }

  function onPlain(headers: Headers, body: Uint8Array) {
    const { header, trailer } = splitHeaders(headers);
    if (headers.has(errorHeader)) return fail(decodeError(body, new Headers([...header, ...trailer])));
    answered = true;
    resolve({ kind: 'plain', header, trailer, body });
    finish();
  }

  function onAbort() {
    giveUp(ConnectError.from(signal.reason, Code.Canceled));
  }

  const offs = [
    bus.onDisconnect(() => {
      fail(new ConnectError('the connection to nats-server was lost during the call', Code.Unavailable));
    }),
    bus.onDenied((_operation, denied) => {
      if (denied === subject || denied === frames) fail(forbidden(bus.service, subject));
    }),
  ];
  const pinging = setInterval(() => {
    silentIntervals += 1;
    if (silentIntervals > maxSilentIntervals) giveUp(silent(server));
    else sendAside({ kind: 'ping' });
  }, pingIntervalMs);
  openCalls.set(bus, open + 1);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const headers = streamed ? [...init.headers, [streamHeader, '1'] as const] : init.headers;
    bus.publish(subject, init.body ?? new Uint8Array(), { reply: inbox.subject, headers });
  } catch (error) {
    fail(ConnectError.from(error, Code.Unavailable));
  }

  return {
    answer,
    stream,
    over: over.signal,
    close: (error = new ConnectError('the caller is no longer interested', Code.Canceled)) => giveUp(error),
  };
}

function notThere(server: ServiceName, method: string): ConnectError {
  const text = `protect-${server} does not answer ${method} on the bus; is it running and ready? Start it, or look into its log`;
  return new ConnectError(text, Code.Unavailable);
}

function silent(server: ServiceName): ConnectError {
  const seconds = (maxSilentIntervals * pingIntervalMs) / 1_000;
  return new ConnectError(
    `protect-${server} gave no sign of life for ${seconds} s; look into its log`,
    Code.Unavailable,
  );
}

function forbidden(service: ServiceName, subject: string): ConnectError {
  return new ConnectError(
    `nats-server does not let protect-${service} call ${subject}`,
    Code.PermissionDenied,
  );
}
