import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  CreditSchema,
  type DialOpenSchema,
  ErrorSchema,
  type Event,
  EventSchema,
  type ExecOpenSchema,
  Form,
  type Hello,
  type Packet,
  type Request,
  RequestSchema,
  type Response,
  ResponseSchema,
  StreamRequestSchema,
  type WorkloadIoOpenSchema,
} from '@protect/proto/idm';
import type { Logger } from 'pino';
import type { CallOptions, IdmConnection, IdmConnectionOptions, RequestInit } from './connection.ts';
import { encodeFrame, receiveMaxBytes } from './frame.ts';
import { defaultIdmBudget, openStreamsMax, streamWindowBytes } from './limits.ts';
import { PendingRequests } from './pending-requests.ts';
import { IdmReceiver } from './receiver.ts';
import { SendQueue } from './send-queue.ts';
import type { IdmTap } from './snoop.ts';
import { HostStream, type IdmStream, type StreamPort, type StreamRequestInit } from './stream.ts';
import { zoneError } from './zone-error.ts';

/** The only version of the protocol so far. */
const protocolVersion = 1;

/** Milliseconds that a zone has for an answer when the caller says nothing. */
const defaultDeadlineMs = 10_000;

/** Bounds on what a zone can say it receives; the lower one is assumed before its hello. */
const zoneReceiveMinBytes = 64 * 1024;
const zoneReceiveMaxBytes = 16 * 1024 * 1024;

/** The host's end of a channel over any byte stream. */
export class StreamIdmConnection implements IdmConnection {
  readonly closed: Promise<string>;
  readonly #stream: Duplex;
  readonly #logger: Logger;
  readonly #version: string;
  readonly #tap: IdmTap | undefined;
  readonly #queue: SendQueue;
  readonly #pending = new PendingRequests();
  readonly #streams = new Map<bigint, HostStream>();
  readonly #callbacks = new Set<(event: Event) => void>();
  readonly #receiver: IdmReceiver;
  readonly #resolveClosed: (reason: string) => void;
  // Starts anywhere, so that a late answer to an earlier connection's request matches none of this one's.
  readonly #firstId = BigInt(randomInt(2 ** 47)) * 2n + 1n;
  #nextId = this.#firstId;
  #closeReason: string | undefined;
  /** The id of our hello, then true once the zone has answered it. */
  #greeted: bigint | boolean = false;
  #peer: { receiveMax: number; window: number } | undefined;

  constructor(stream: Duplex, options: IdmConnectionOptions) {
    this.#stream = stream;
    this.#logger = options.logger.child({ zone: options.zoneId });
    this.#version = options.version;
    this.#tap = options.tap;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#queue = new SendQueue(stream);
    this.#receiver = new IdmReceiver(stream, {
      budget: options.budget ?? defaultIdmBudget,
      logger: this.#logger,
      onPacket: (packet) => this.#handle(packet),
      onEnd: (reason) => this.#shut(reason),
    });
  }

  async hello(options: CallOptions = {}): Promise<Hello> {
    const value = {
      protocolMin: protocolVersion,
      protocolMax: protocolVersion,
      version: this.#version,
      receiveMaxBytes,
      streamWindowBytes,
    };
    const { response } = await this.request({ case: 'hello', value }, options);
    if (response.case !== 'hello') throw new ConnectError('the zone sent no hello', Code.Internal);
    const hello = response.value;
    if (hello.protocolMin > protocolVersion || hello.protocolMax < protocolVersion) {
      const range = `${hello.protocolMin} to ${hello.protocolMax}`;
      const text = `the zone speaks IDM ${range}, this daemon only ${protocolVersion}: launch the zone again with this release's initrd`;
      this.#shut(text);
      throw new ConnectError(text, Code.FailedPrecondition);
    }
    this.#peer = {
      receiveMax: Math.min(Math.max(hello.receiveMaxBytes, zoneReceiveMinBytes), zoneReceiveMaxBytes),
      window: Math.min(hello.streamWindowBytes, zoneReceiveMaxBytes),
    };
    return hello;
  }

  async request(init: RequestInit, options: CallOptions = {}): Promise<Response> {
    const request: Request = create(RequestSchema, { request: init });
    const data = toBinary(RequestSchema, request);
    this.#assertSendable(data);
    const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
    const id = this.#takeId();
    const answer = this.#pending.add(id, request.request.case, { deadlineMs, signal: options.signal });
    for (let full = this.#queue.full(); full !== undefined; full = this.#queue.full()) {
      await Promise.race([full, answer]);
      if (!this.#pending.has(id)) break;
    }
    if (this.#pending.has(id)) {
      if (init.case === 'hello') this.#greeted = id;
      this.#send({ id, form: Form.REQUEST, data, deadlineMs });
    }
    return await answer;
  }

  exec(open: MessageInitShape<typeof ExecOpenSchema>, options: { signal?: AbortSignal } = {}): IdmStream {
    return this.#open({ case: 'exec', value: open }, options.signal);
  }

  workloadIo(
    open: MessageInitShape<typeof WorkloadIoOpenSchema>,
    options: { signal?: AbortSignal } = {},
  ): IdmStream {
    return this.#open({ case: 'workloadIo', value: open }, options.signal);
  }

  dial(open: MessageInitShape<typeof DialOpenSchema>, options: { signal?: AbortSignal } = {}): IdmStream {
    return this.#open({ case: 'dial', value: open }, options.signal);
  }

  onEvent(callback: (event: Event) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  close(): void {
    this.#shut('the daemon closed the channel');
  }

  #open(request: StreamRequestInit, signal: AbortSignal | undefined): IdmStream {
    const data = toBinary(StreamRequestSchema, create(StreamRequestSchema, { request }));
    if (!this.#peer)
      throw new ConnectError('no hello was exchanged with the zone yet', Code.FailedPrecondition);
    this.#assertSendable(data);
    if (this.#streams.size >= openStreamsMax || !this.#queue.hasRoom) {
      throw new ConnectError(
        `${this.#streams.size} streams to the zone are open and no more can be`,
        Code.ResourceExhausted,
      );
    }
    const id = this.#takeId();
    const onAbort = () => stream.fail(new ConnectError('the call was canceled', Code.Canceled), true);
    const stream = new HostStream(
      id,
      this.#portOf(id, this.#peer.window, () => signal?.removeEventListener('abort', onAbort)),
    );
    this.#streams.set(id, stream);
    this.#send({ id, form: Form.STREAM_REQUEST, data });
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    return stream;
  }

  #portOf(id: bigint, sendWindowBytes: number, onDone: () => void): StreamPort {
    let owedCredit = 0;
    return {
      sendWindowBytes,
      control: async (form, data) => {
        this.#assertSendable(data);
        for (let full = this.#queue.full(); full !== undefined; full = this.#queue.full()) await full;
        if (this.#streams.has(id)) this.#send({ id, form, data });
      },
      bulk: (form, data) => {
        this.#tapped('to-zone', { id, channel: 0n, form, data, deadlineMs: 0 });
        return this.#queue.bulk(id, encodeFrame({ id, form, data }));
      },
      credit: (bytes) => {
        owedCredit += bytes;
        // Small grants are saved up: a quarter of the window is still plenty for the zone.
        if (owedCredit < streamWindowBytes / 4) return;
        const data = toBinary(CreditSchema, create(CreditSchema, { bytes: BigInt(owedCredit) }));
        owedCredit = 0;
        this.#send({ id, form: Form.CREDIT, data });
      },
      done: (tellZone) => {
        onDone();
        this.#queue.drop(id);
        if (this.#streams.delete(id) && tellZone) {
          this.#send({ id, form: Form.STREAM_REQUEST_CLOSED, data: new Uint8Array() });
        }
      },
    };
  }

  #takeId(): bigint {
    const id = this.#nextId;
    this.#nextId += 2n;
    return id;
  }

  /** True for an exchange of this connection that is over: the zone's last packets may still be under way. */
  #isStale(id: bigint): boolean {
    return id >= this.#firstId && id < this.#nextId && id % 2n === 1n;
  }

  #assertSendable(data: Uint8Array): void {
    if (this.#closeReason !== undefined) throw new ConnectError(this.#closeReason, Code.Unavailable);
    // Room for the packet's other fields.
    const max = (this.#peer?.receiveMax ?? zoneReceiveMinBytes) - 64;
    if (data.length <= max) return;
    throw new ConnectError(
      `a message of ${data.length} bytes is more than the zone's ${max}`,
      Code.ResourceExhausted,
    );
  }

  #send(packet: { id: bigint; form: Form; data: Uint8Array; deadlineMs?: number }): void {
    this.#tapped('to-zone', { channel: 0n, deadlineMs: 0, ...packet });
    if (!this.#queue.control(encodeFrame(packet))) this.#shut('the zone does not read its channel');
  }

  #tapped(direction: 'from-zone' | 'to-zone', fields: Omit<Packet, '$typeName' | 'crc32'>): void {
    if (this.#tap?.active) this.#tap.packet(direction, fields);
  }

  /** False when the packet has no place here. Throws when its content cannot be decoded. */
  #handle(packet: Packet): boolean {
    this.#tapped('from-zone', packet);
    if (packet.channel !== 0n) return false;
    if (packet.form === Form.EVENT) return this.#deliver(fromBinary(EventSchema, packet.data));
    if (packet.form === Form.RESPONSE) {
      // At once, not when the caller learns of it: the inventory may be next in the same bytes.
      if (packet.id === this.#greeted) this.#greeted = true;
      return (
        this.#pending.resolve(packet.id, fromBinary(ResponseSchema, packet.data)) || this.#isStale(packet.id)
      );
    }
    if (packet.form === Form.ERROR && this.#pending.has(packet.id)) {
      return this.#pending.reject(packet.id, zoneError(fromBinary(ErrorSchema, packet.data)));
    }
    const stream = this.#streams.get(packet.id);
    return stream ? stream.receive(packet) : this.#isStale(packet.id);
  }

  #deliver(event: Event): boolean {
    if (event.event.case === undefined) return false;
    if (this.#greeted !== true) return true;
    for (const callback of this.#callbacks) callback(event);
    return true;
  }

  #shut(reason: string): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    const error = new ConnectError(reason, Code.Unavailable);
    this.#receiver.close();
    for (const stream of [...this.#streams.values()]) stream.fail(error, false);
    this.#queue.close();
    this.#pending.close(error);
    this.#stream.destroy();
    this.#resolveClosed(reason);
  }
}
