import { type Duplex, duplexPair } from 'node:stream';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  CreditSchema,
  ErrorSchema,
  EventSchema,
  Form,
  type HelloSchema,
  OutputStream,
  type Packet,
  RequestSchema,
  ResponseSchema,
  StreamResponseSchema,
} from '@protect/proto/idm';
import { encodeFrame, FrameDecoder } from './frame.ts';

/** One frame with a message in it. */
export function frameOf<D extends DescMessage>(
  id: bigint,
  form: Form,
  schema: D,
  message: MessageInitShape<D>,
): Buffer {
  return encodeFrame({ id, form, data: toBinary(schema, create(schema, message)) });
}

/** The zone's end of a channel in memory, driven by a test packet by packet. */
export class TestZone {
  /** The daemon's end. */
  readonly host: Duplex;
  readonly stream: Duplex;
  readonly #decoder = new FrameDecoder(16 * 1024 * 1024);
  readonly #packets: Packet[] = [];
  #wake: (() => void) | undefined;

  constructor(pair: readonly [Duplex, Duplex] = duplexPair()) {
    [this.host, this.stream] = pair;
    this.stream.on('error', () => undefined);
    this.host.on('close', () => this.stream.destroy());
    this.stream.on('data', (chunk: Buffer) => {
      this.#decoder.push(chunk);
      for (let next = this.#decoder.next(); next !== 'incomplete'; next = this.#decoder.next()) {
        if (next !== 'damaged') this.#packets.push(next);
      }
      this.#wake?.();
    });
  }

  /** Packets received and not taken yet. */
  get waiting(): readonly Packet[] {
    return this.#packets;
  }

  /** The next packet of the daemon, with this form unless others are asked for. */
  async take(form?: Form): Promise<Packet> {
    for (;;) {
      const index = this.#packets.findIndex((packet) => form === undefined || packet.form === form);
      const [packet] = index < 0 ? [] : this.#packets.splice(index, 1);
      if (packet) return packet;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Settles when the bytes are taken, so that floods are paced by the reader. */
  async write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        this.stream.off('close', done);
        resolve();
      };
      this.stream.once('close', done);
      this.stream.write(bytes, done);
    });
  }

  async send<D extends DescMessage>(
    id: bigint,
    form: Form,
    schema: D,
    message: MessageInitShape<D>,
  ): Promise<void> {
    await this.write(frameOf(id, form, schema, message));
  }

  respond(id: bigint, response: MessageInitShape<typeof ResponseSchema>['response']): Promise<void> {
    return this.send(id, Form.RESPONSE, ResponseSchema, response ? { response } : {});
  }

  event(event: MessageInitShape<typeof EventSchema>['event']): Promise<void> {
    return this.send(2n, Form.EVENT, EventSchema, event ? { event } : {});
  }

  error(id: bigint, code: number, message: string): Promise<void> {
    return this.send(id, Form.ERROR, ErrorSchema, { code, message });
  }

  credit(id: bigint, bytes: number): Promise<void> {
    return this.send(id, Form.CREDIT, CreditSchema, { bytes: BigInt(bytes) });
  }

  output(id: bigint, data: Uint8Array, offset = 0n): Promise<void> {
    const stream = OutputStream.STDOUT;
    const response = { case: 'output' as const, value: { stream, offset, data } };
    return this.send(id, Form.STREAM_RESPONSE_UPDATE, StreamResponseSchema, { response });
  }

  async closeStream(id: bigint): Promise<void> {
    await this.write(encodeFrame({ id, form: Form.STREAM_RESPONSE_CLOSED, data: new Uint8Array() }));
  }

  /** Answers the daemon's hello. */
  async answerHello(changes: MessageInitShape<typeof HelloSchema> = {}): Promise<void> {
    const { id } = await this.take(Form.REQUEST);
    const value = {
      protocolMin: 1,
      protocolMax: 1,
      receiveMaxBytes: 262_144,
      streamWindowBytes: 65_536,
      ...changes,
    };
    await this.respond(id, { case: 'hello', value });
  }
}

/** A packet's content. */
export function contentOf<D extends DescMessage>(schema: D, packet: Packet): MessageShape<D> {
  return fromBinary(schema, packet.data);
}

/** The request in a packet. */
export function requestOf(packet: Packet) {
  return contentOf(RequestSchema, packet).request;
}
