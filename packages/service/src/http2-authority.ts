import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { encodeHeaderBlock, HpackDecoder } from './hpack.ts';

/** What a request to a unix socket is given as its host. */
const ownAuthority = 'localhost';

/** Whether a host is one that every HTTP library takes. */
export function isPlainAuthority(authority: string): boolean {
  return /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(
    authority,
  );
}

const prefaceBytes = 24;
const frameHeaderBytes = 9;
const type = { headers: 0x1, continuation: 0x9 } as const;
const flag = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** A peer may not send larger frames before it is allowed to, which Node never does. */
const maxFrameBytes = 16_384;

/** A longer header block is left to Node, which refuses it. */
const maxBlockBytes = 64 * 1024;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/**
 * Node's HTTP/2 resets every request whose `:authority` is empty or a path, as some gRPC clients send for
 * unix sockets. This passes one connection's bytes on and, when its first request is such a one, gives
 * that and the following requests a host of our own; other connections pass untouched.
 */
export class AuthorityRewriter {
  #mode: 'preface' | 'first' | 'rewrite' | 'pass' = 'preface';
  #waiting: Buffer = Buffer.alloc(0);
  /** Payload bytes of the current frame that pass without a look. */
  #skip = 0;
  /** The frames of a header block that is not whole yet. */
  #block: Frame[] = [];
  readonly #decoder = new HpackDecoder();

  /** The bytes to pass on for these that came in. */
  feed(chunk: Buffer): Buffer {
    if (this.#mode === 'pass') return chunk;
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    const out: Buffer[] = [];
    for (let part = this.#next(); part !== undefined; part = this.#next()) out.push(part);
    return Buffer.concat(out);
  }

  #next(): Buffer | undefined {
    if (this.#mode === 'pass')
      return this.#waiting.length === 0 ? undefined : this.#take(this.#waiting.length);
    if (this.#mode === 'preface') {
      if (this.#waiting.length < prefaceBytes) return undefined;
      this.#mode = 'first';
      return this.#take(prefaceBytes);
    }
    if (this.#skip > 0) {
      if (this.#waiting.length === 0) return undefined;
      const length = Math.min(this.#skip, this.#waiting.length);
      this.#skip -= length;
      return this.#take(length);
    }
    if (this.#waiting.length < frameHeaderBytes) return undefined;
    const length = this.#waiting.readUIntBE(0, 3);
    const kind = this.#waiting.readUInt8(3);
    if (kind !== type.headers && kind !== type.continuation) {
      this.#skip = length;
      return this.#take(frameHeaderBytes);
    }
    if (length > maxFrameBytes) return this.#giveUp();
    if (this.#waiting.length < frameHeaderBytes + length) return undefined;
    const whole = this.#take(frameHeaderBytes + length);
    this.#block.push({
      type: kind,
      flags: whole.readUInt8(4),
      stream: whole.readUInt32BE(5),
      payload: whole.subarray(frameHeaderBytes),
    });
    const flags = whole.readUInt8(4);
    if ((flags & flag.endHeaders) === 0) {
      const bytes = this.#block.reduce((sum, frame) => sum + frame.payload.length, 0);
      return bytes > maxBlockBytes ? this.#giveUp() : Buffer.alloc(0);
    }
    const frames = this.#block;
    this.#block = [];
    return this.#headers(frames);
  }

  #headers(frames: readonly Frame[]): Buffer {
    const unchanged = () => Buffer.concat(frames.map(encodeFrame));
    const [first] = frames;
    const parts = first?.type === type.headers ? splitHeaders(first) : undefined;
    const rest = frames.slice(1).map((frame) => frame.payload);
    const fields =
      parts === undefined ? undefined : this.#decoder.decode(Buffer.concat([parts.fragment, ...rest]));
    if (first === undefined || parts === undefined || fields === undefined) {
      this.#mode = 'pass';
      return unchanged();
    }
    const authority = fields.find(({ name }) => name === ':authority');
    if (this.#mode === 'first' && (authority === undefined || isPlainAuthority(authority.value))) {
      this.#mode = 'pass';
      return unchanged();
    }
    this.#mode = 'rewrite';
    const changed = fields.map((field) =>
      field.name === ':authority' && !isPlainAuthority(field.value)
        ? { ...field, value: ownAuthority }
        : field,
    );
    return encodeHeaders(first, parts.priority, encodeHeaderBlock(changed));
  }

  /** From here on Node sees what the peer sent, and says what is wrong with it. */
  #giveUp(): Buffer {
    this.#mode = 'pass';
    const frames = this.#block;
    this.#block = [];
    return Buffer.concat([...frames.map(encodeFrame), this.#take(this.#waiting.length)]);
  }

  #take(bytes: number): Buffer {
    const taken = this.#waiting.subarray(0, bytes);
    this.#waiting = this.#waiting.subarray(bytes);
    return taken;
  }
}

function splitHeaders({ flags, payload }: Frame): { priority: Buffer; fragment: Buffer } | undefined {
  const padded = (flags & flag.padded) !== 0;
  const padding = padded ? (payload[0] ?? 0) : 0;
  const start = padded ? 1 : 0;
  const priorityBytes = (flags & flag.priority) === 0 ? 0 : 5;
  const end = payload.length - padding;
  if (start + priorityBytes > end) return undefined;
  return {
    priority: payload.subarray(start, start + priorityBytes),
    fragment: payload.subarray(start + priorityBytes, end),
  };
}

function encodeHeaders(original: Frame, priority: Buffer, block: Buffer): Buffer {
  const payload = Buffer.concat([priority, block]);
  const frames: Buffer[] = [];
  const kept = original.flags & (flag.endStream | flag.priority);
  for (let at = 0; at === 0 || at < payload.length; at += maxFrameBytes) {
    const isLast = at + maxFrameBytes >= payload.length;
    const flags = (at === 0 ? kept : 0) | (isLast ? flag.endHeaders : 0);
    frames.push(
      encodeFrame({
        type: at === 0 ? type.headers : type.continuation,
        flags,
        stream: original.stream,
        payload: payload.subarray(at, at + maxFrameBytes),
      }),
    );
  }
  return Buffer.concat(frames);
}

function encodeFrame(frame: Frame): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUIntBE(frame.payload.length, 0, 3);
  header.writeUInt8(frame.type, 3);
  header.writeUInt8(frame.flags, 4);
  header.writeUInt32BE(frame.stream, 5);
  return Buffer.concat([header, frame.payload]);
}

/** The socket's bytes with every authority made plain; ends and breaks with the socket. */
export function withPlainAuthority(socket: Socket): Duplex {
  const rewriter = new AuthorityRewriter();
  const stream = new Duplex({
    read() {
      socket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      socket.write(chunk, done);
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    const bytes = rewriter.feed(chunk);
    if (bytes.length > 0 && !stream.push(bytes)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => stream.destroy());
  // A broken connection is told to its calls; when there are none left, to nobody.
  stream.on('error', () => undefined);
  return stream;
}
