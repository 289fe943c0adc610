import { connect, type Socket } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  createPacketDecoder,
  decodeStrings,
  encodePacket,
  encodeStrings,
  type Packet,
  packetTypes,
  payloadMaxBytes,
} from './xenstore-wire.ts';

/** Milliseconds for an answer; xenstored gives it at once or not at all. */
const answerDeadlineMs = 10_000;

/** Xenstored refused a request; `reason` is the name of an errno, ENOENT say. */
export class XenstoreError extends Error {
  override readonly name = 'XenstoreError';
  readonly reason: string;

  constructor(reason: string, path: string) {
    super(`xenstored refuses ${path}: ${reason}`);
    this.reason = reason;
  }
}

/** One connection to xenstored. */
export interface XenstoreConnection {
  /** Sends a request about `path`. Throws XenstoreError, or UNAVAILABLE when the connection is lost. */
  request(type: number, path: string, payload: Buffer): Promise<Buffer>;
  /** Calls back once soon, and at each change of `path` or below. */
  watch(path: string, onEvent: () => void): Promise<void>;
  /** Settles when the connection is lost or closed. */
  readonly closed: Promise<void>;
  close(): void;
}

interface Waiting {
  readonly path: string;
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** FAILED_PRECONDITION where no xenstored listens. */
export async function connectXenstore(socketPath: string): Promise<XenstoreConnection> {
  const socket = connect(socketPath);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => {
      const text = `xenstored cannot be reached at ${socketPath}: ${error.message}; is the service xen started?`;
      reject(new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error));
    });
  });
  return new SocketConnection(socket);
}

class SocketConnection implements XenstoreConnection {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #watches: (() => void)[] = [];
  #lastRequest = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    const decode = createPacketDecoder();
    socket.on('data', (bytes) => {
      try {
        for (const packet of decode(Buffer.from(bytes))) this.#take(packet);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#loseAll();
        resolve();
      });
    });
    // A watch does not keep the process alive; a request under way does.
    socket.unref();
  }

  request(type: number, path: string, payload: Buffer): Promise<Buffer> {
    if (payload.length > payloadMaxBytes) {
      return Promise.reject(new Error(`${payload.length} bytes are too many for xenstore: ${path}`));
    }
    if (this.#socket.destroyed) return Promise.reject(lost());
    this.#lastRequest = (this.#lastRequest + 1) >>> 0;
    const request = this.#lastRequest;
    return new Promise((resolve, reject) => {
      // What does not answer will not do so later either; those who wait hear it from `closed`.
      const timer = setTimeout(() => this.#socket.destroy(), answerDeadlineMs);
      this.#waiting.set(request, { path, resolve, reject, timer });
      this.#socket.ref();
      this.#socket.write(encodePacket({ type, request, payload }));
    });
  }

  async watch(path: string, onEvent: () => void): Promise<void> {
    const token = String(this.#watches.push(onEvent) - 1);
    await this.request(packetTypes.watch, path, encodeStrings(path, token));
  }

  close(): void {
    this.#socket.destroy();
  }

  #take({ type, request, payload }: Packet): void {
    if (type === packetTypes.event) {
      const [, token = ''] = decodeStrings(payload);
      this.#watches[Number(token)]?.();
      return;
    }
    const waiting = this.#waiting.get(request);
    if (waiting === undefined) return;
    this.#settle(request, waiting);
    if (type !== packetTypes.error) waiting.resolve(payload);
    else waiting.reject(new XenstoreError(decodeStrings(payload)[0] ?? '', waiting.path));
  }

  #settle(request: number, { timer }: Waiting): void {
    clearTimeout(timer);
    this.#waiting.delete(request);
    if (this.#waiting.size === 0) this.#socket.unref();
  }

  #loseAll(): void {
    for (const [request, waiting] of this.#waiting) {
      this.#settle(request, waiting);
      waiting.reject(lost());
    }
  }
}

function lost(): ConnectError {
  return new ConnectError('the connection to xenstored is lost', Code.Unavailable);
}
