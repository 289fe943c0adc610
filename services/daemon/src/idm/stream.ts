import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  CreditSchema,
  ErrorSchema,
  Form,
  type Packet,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
  StreamResponseSchema,
} from '@protect/proto/idm';
import { stdinPieceBytes, streamWindowBytes } from './limits.ts';
import { OutputQueue } from './output-queue.ts';
import { zoneError } from './zone-error.ts';

/** What a stream sends: one of StreamRequest's cases but the opening ones. */
export type StreamRequestInit = NonNullable<MessageInitShape<typeof StreamRequestSchema>['request']>;

/** An exchange of many messages with a zone. */
export interface IdmStream {
  readonly id: bigint;
  /**
   * Sends one message, in order. Standard input waits for the zone's credit and is cut into packets;
   * everything else goes at once. Throws CANCELED when the stream is closed, or the stream's error.
   */
  send(request: StreamRequestInit): Promise<void>;
  /**
   * The zone's messages, for one reader. Ends when the zone has sent its last; throws the zone's error,
   * CANCELED after an abort, UNAVAILABLE when the connection is lost. Leaving the loop closes the stream.
   */
  readonly responses: AsyncIterable<StreamResponse>;
  /** Lets the zone send so many more payload bytes; called for bytes that are done with. */
  grant(bytes: number): void;
  /** Done with the stream: the zone ends what it did for it. Idempotent. */
  close(): void;
}

/** What a stream needs of its connection. */
export interface StreamPort {
  /** Bytes of standard input that the zone takes at first. */
  readonly sendWindowBytes: number;
  control(form: Form, data: Uint8Array): Promise<void>;
  /** False when the packet was dropped because the stream or the connection is closed. */
  bulk(form: Form, data: Uint8Array): Promise<boolean>;
  credit(bytes: number): void;
  /** The stream sends and receives no more; `tellZone` is false when the zone ended it. */
  done(tellZone: boolean): void;
}

function encode(request: StreamRequest['request']): Uint8Array {
  return toBinary(StreamRequestSchema, create(StreamRequestSchema, { request }));
}

/** The host's end of one stream; the connection feeds it. */
export class HostStream implements IdmStream {
  readonly id: bigint;
  readonly #port: StreamPort;
  readonly #queue = new OutputQueue();
  #receiveWindow = streamWindowBytes;
  #sendWindow: number;
  #state: 'open' | 'finished' | 'closed' = 'open';
  #error: ConnectError | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeSender: (() => void) | undefined;
  #stdinTail: Promise<void> = Promise.resolve();

  constructor(id: bigint, port: StreamPort) {
    this.id = id;
    this.#port = port;
    this.#sendWindow = port.sendWindowBytes;
  }

  async send(init: StreamRequestInit): Promise<void> {
    const { request } = create(StreamRequestSchema, { request: init });
    this.#assertOpen();
    if (request.case !== 'stdin') {
      await this.#port.control(Form.STREAM_REQUEST_UPDATE, encode(request));
      return;
    }
    const { data, closed } = request.value;
    const sent = this.#stdinTail.then(() => this.#sendStdin(data, closed));
    this.#stdinTail = sent.catch(() => undefined);
    await sent;
  }

  get responses(): AsyncIterable<StreamResponse> {
    return { [Symbol.asyncIterator]: () => this.#read() };
  }

  grant(bytes: number): void {
    if (bytes <= 0 || this.#state !== 'open') return;
    this.#receiveWindow += bytes;
    this.#port.credit(bytes);
  }

  close(): void {
    this.#end(new ConnectError('the stream was closed', Code.Canceled), true);
  }

  /** Takes a packet of the zone; false when it has no place here or broke the rules. Throws when it cannot be decoded. */
  receive({ form, data }: Packet): boolean {
    switch (form) {
      case Form.STREAM_RESPONSE_UPDATE:
        return this.#take(fromBinary(StreamResponseSchema, data));
      case Form.STREAM_RESPONSE_CLOSED:
        this.#finish();
        return true;
      case Form.CREDIT:
        this.#takeCredit(fromBinary(CreditSchema, data).bytes);
        return true;
      case Form.ERROR:
        this.fail(zoneError(fromBinary(ErrorSchema, data)), false);
        return true;
      default:
        return false;
    }
  }

  #take(response: StreamResponse): boolean {
    if (this.#state !== 'open') return true;
    if (response.response.case === 'output') this.#receiveWindow -= response.response.value.data.length;
    if (this.#receiveWindow >= 0 && this.#queue.push(response)) {
      this.#wakeReader?.();
      return true;
    }
    this.#end(
      new ConnectError('the zone sent more than its credit on a stream', Code.ResourceExhausted),
      true,
    );
    return false;
  }

  #takeCredit(bytes: bigint): void {
    const granted = Number(bytes < 0x7fff_ffffn ? bytes : 0x7fff_ffffn);
    this.#sendWindow = Math.min(this.#sendWindow + granted, Number.MAX_SAFE_INTEGER);
    this.#wakeSender?.();
  }

  #finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'finished';
    this.#port.done(true);
    this.#wake();
  }

  /** The stream ended with an error that its reader gets after the messages that came before. */
  fail(error: ConnectError, tellZone: boolean): void {
    if (this.#state !== 'open') return;
    this.#state = 'finished';
    this.#error = error;
    this.#port.done(tellZone);
    this.#wake();
  }

  #end(error: ConnectError, tellZone: boolean): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#error ??= error;
    this.#queue.clear();
    if (wasOpen) this.#port.done(tellZone);
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeSender?.();
  }

  #assertOpen(): void {
    if (this.#state === 'open') return;
    throw this.#error ?? new ConnectError('the stream has ended', Code.Canceled);
  }

  async #sendStdin(data: Uint8Array, closed: boolean): Promise<void> {
    let at = 0;
    do {
      this.#assertOpen();
      if (at < data.length && this.#sendWindow === 0) {
        await new Promise<void>((resolve) => {
          this.#wakeSender = resolve;
        });
        this.#wakeSender = undefined;
        continue;
      }
      const piece = data.subarray(at, at + Math.min(stdinPieceBytes, this.#sendWindow));
      at += piece.length;
      this.#sendWindow -= piece.length;
      const value = { data: piece, closed: closed && at === data.length };
      const message = create(StreamRequestSchema, { request: { case: 'stdin', value } });
      if (!(await this.#port.bulk(Form.STREAM_REQUEST_UPDATE, encode(message.request)))) this.#assertOpen();
    } while (at < data.length);
  }

  async *#read(): AsyncGenerator<StreamResponse> {
    try {
      for (;;) {
        const response = this.#queue.shift();
        if (response) {
          yield response;
          continue;
        }
        if (this.#error) throw this.#error;
        if (this.#state !== 'open') return;
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
        this.#wakeReader = undefined;
      }
    } finally {
      this.close();
    }
  }
}
