import { Code, ConnectError } from '@connectrpc/connect';
import {
  connect,
  DebugEvents,
  ErrorCode,
  Events,
  type Msg,
  type MsgHdrs,
  NatsError,
  headers as newHeaders,
} from 'nats';

/** The only module that knows the NATS client library; everything above it speaks of the interfaces below. */

export interface BusMessage {
  readonly subject: string;
  readonly reply: string | undefined;
  /** Undefined when the message has none. */
  readonly headers: Headers | undefined;
  /** 503 when nats-server says that nobody listens; 0 otherwise. */
  readonly status: number;
  readonly data: Uint8Array;
}

/** Names keep their case, since nats-server compares them exactly. */
export type OutgoingHeaders = Iterable<readonly [string, string]>;

export interface PublishOptions {
  readonly reply?: string | undefined;
  readonly headers?: OutgoingHeaders | undefined;
}

export interface NatsLink {
  readonly maxPayloadBytes: number;
  /** Throws when the message is larger than nats-server takes, or the link is closed. */
  publish(subject: string, data: Uint8Array, options?: PublishOptions): void;
  /** Kept over reconnects. Returns what ends it. */
  subscribe(subject: string, queue: string | undefined, onMessage: (message: BusMessage) => void): () => void;
  /** Settles when nats-server has handled all that was sent before. */
  flush(): Promise<void>;
  close(): Promise<void>;
  /** Settles when the link is closed for good, with the reason when it was not asked to. */
  readonly closed: Promise<Error | undefined>;
}

export type LinkEvent =
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'reconnected' }
  | { readonly kind: 'denied'; readonly operation: string; readonly subject: string };

export interface NatsLinkOptions {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly name: string;
  readonly onEvent: (event: LinkEvent) => void;
}

/** Connects once; rejects when nats-server cannot be reached or refuses the credentials. */
export async function connectNats(options: NatsLinkOptions): Promise<NatsLink> {
  const connection = await connect({
    servers: options.url,
    user: options.user,
    pass: options.password,
    name: options.name,
    timeout: 5_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 300,
    // The server's restart may bring its credentials a moment after its port.
    ignoreAuthErrorAbort: true,
    ignoreClusterUpdates: true,
    pingInterval: 10_000,
    maxPingOut: 3,
    noAsyncTraces: true,
  });
  const closed = connection.closed().then((reason) => (reason instanceof Error ? reason : undefined));
  void watch();

  async function watch() {
    for await (const { type, permissionContext } of connection.status()) {
      if (type === Events.Disconnect || type === DebugEvents.StaleConnection) {
        options.onEvent({ kind: 'disconnected' });
      } else if (type === Events.Reconnect) options.onEvent({ kind: 'reconnected' });
      else if (type === Events.Error && permissionContext) {
        options.onEvent({ kind: 'denied', ...permissionContext });
      }
    }
  }

  return {
    maxPayloadBytes: connection.info?.max_payload ?? 1024 * 1024,
    publish(subject, data, { reply, headers } = {}) {
      try {
        connection.publish(subject, data, {
          ...(reply === undefined ? {} : { reply }),
          ...(headers === undefined ? {} : { headers: encodeHeaders(headers) }),
        });
      } catch (error) {
        throw publishError(subject, error);
      }
    },
    subscribe(subject, queue, onMessage) {
      const subscription = connection.subscribe(subject, {
        ...(queue === undefined ? {} : { queue }),
        callback: (error, message) => {
          if (error) return;
          try {
            onMessage(decodeMessage(message));
          } catch (thrown) {
            // The library would take it for a fault of the connection; it is one of ours and ends the process.
            queueMicrotask(() => {
              throw thrown;
            });
          }
        },
      });
      return () => subscription.unsubscribe();
    },
    flush: () => connection.flush(),
    close: () => connection.close(),
    closed,
  };
}

/** Whether nats-server refused the credentials, which only its operator can change. */
export function isRefused(error: unknown): boolean {
  return error instanceof NatsError && error.isAuthError();
}

function publishError(subject: string, error: unknown): ConnectError {
  if (error instanceof NatsError && error.code === ErrorCode.MaxPayloadExceeded) {
    const text = `the message for ${subject} is larger than nats-server takes (max_payload)`;
    return new ConnectError(text, Code.ResourceExhausted, undefined, undefined, error);
  }
  const reason = error instanceof Error ? error.message : String(error);
  const text = `cannot publish on ${subject}: ${reason}`;
  return new ConnectError(text, Code.Unavailable, undefined, undefined, error);
}

function encodeHeaders(entries: OutgoingHeaders): MsgHdrs {
  const headers = newHeaders();
  for (const [name, value] of entries) headers.append(name, value);
  return headers;
}

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The Headers class throws on what is no Latin-1, and on NUL and line ends. */
function isHeaderValue(value: string): boolean {
  return Buffer.from(value, 'latin1').toString('latin1') === value && !/[\0\r\n]/.test(value);
}

function decodeMessage(message: Msg): BusMessage {
  const { subject, data } = message;
  let headers: Headers | undefined;
  if (message.headers) {
    headers = new Headers();
    for (const [name, values] of message.headers) {
      if (!headerName.test(name)) continue;
      for (const value of values) if (isHeaderValue(value)) headers.append(name, value);
    }
  }
  return { subject, reply: message.reply || undefined, headers, status: message.headers?.code ?? 0, data };
}
