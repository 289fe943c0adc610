import { crc32 } from 'node:zlib';
import { fromBinary } from '@bufbuild/protobuf';
import { type Form, type Packet, PacketSchema } from '@protect/proto/idm';

/** Largest packet that the host accepts from a zone, and announces in its hello. */
export const receiveMaxBytes = 256 * 1024;

/** Bytes before the packet: two of magic, four of length. */
export const frameHeaderBytes = 6;

/** The checksum field that ends each packet: one byte of tag, four of value. */
const checksumBytes = 5;
const checksumTag = (15 << 3) | 5;
const magic = Buffer.from([0xff, 0xff]);

/** What a sender says about one packet; fields that are left out are zero on the wire. */
export interface OutgoingPacket {
  readonly id: bigint;
  readonly form: Form;
  readonly data: Uint8Array;
  readonly channel?: bigint;
  readonly deadlineMs?: number;
}

function varintBytes(value: bigint): number {
  let bytes = 1;
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) bytes++;
  return bytes;
}

function fieldBytes(value: bigint): number {
  return value === 0n ? 0 : 1 + varintBytes(value);
}

function writeVarint(target: Buffer, offset: number, value: bigint): number {
  let rest = value;
  let at = offset;
  while (rest > 0x7fn) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at++] = Number(rest);
  return at;
}

function writeField(target: Buffer, offset: number, field: number, value: bigint): number {
  if (value === 0n) return offset;
  target[offset] = field << 3;
  return writeVarint(target, offset + 1, value);
}

/** One frame, ready for the wire, in a single buffer; the checksum is always written, also when it is 0. */
export function encodeFrame(packet: OutgoingPacket): Buffer {
  const channel = packet.channel ?? 0n;
  const deadline = BigInt(packet.deadlineMs ?? 0);
  const form = BigInt(packet.form);
  const dataLength = BigInt(packet.data.length);
  const bodyBytes =
    fieldBytes(packet.id) +
    fieldBytes(channel) +
    fieldBytes(form) +
    fieldBytes(dataLength) +
    packet.data.length +
    fieldBytes(deadline);
  const frame = Buffer.allocUnsafe(frameHeaderBytes + bodyBytes + checksumBytes);
  frame.writeUInt16LE(0xffff, 0);
  frame.writeUInt32LE(bodyBytes + checksumBytes, 2);
  let at = writeField(frame, frameHeaderBytes, 1, packet.id);
  at = writeField(frame, at, 2, channel);
  at = writeField(frame, at, 3, form);
  if (packet.data.length > 0) {
    frame[at] = (4 << 3) | 2;
    at = writeVarint(frame, at + 1, dataLength);
    frame.set(packet.data, at);
    at += packet.data.length;
  }
  at = writeField(frame, at, 5, deadline);
  const checksum = crc32(frame.subarray(frameHeaderBytes, at));
  frame[at] = checksumTag;
  frame.writeUInt32LE(checksum, at + 1);
  return frame;
}

/**
 * Finds packets in a byte stream cut anywhere. Bytes that belong to no valid frame are skipped and
 * counted; after a damaged frame the search goes on at its second byte. Holds at most one frame of
 * the maximum size and the chunk last pushed.
 */
export class FrameDecoder {
  /** Bytes that belonged to no frame. */
  skippedBytes = 0;
  /** Frames with a valid checksum whose content is no packet. */
  undecodablePackets = 0;
  /** Bytes looked at for checksums, a measure of the work that the sender caused. */
  workBytes = 0;

  readonly #maxBytes: number;
  #buffer: Buffer = Buffer.allocUnsafe(4096);
  #start = 0;
  #end = 0;

  constructor(maxBytes: number = receiveMaxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of an incomplete frame, or of input not looked at yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Adds input; call `next` until it answers `incomplete` before pushing more. */
  push(chunk: Uint8Array): void {
    const pending = this.pendingBytes;
    const needed = pending + chunk.length;
    if (this.#end + chunk.length > this.#buffer.length) {
      // Grows by doubling so that a sender of tiny chunks causes no quadratic copying.
      const target =
        needed > this.#buffer.length
          ? Buffer.allocUnsafe(Math.max(needed, Math.min(this.#buffer.length * 2, this.#maxBytes * 2)))
          : this.#buffer;
      this.#buffer.copy(target, 0, this.#start, this.#end);
      this.#buffer = target;
      this.#start = 0;
      this.#end = pending;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next packet; `damaged` when a frame was given up (call again; the work is counted);
   * `incomplete` when more input is needed.
   */
  next(): Packet | 'damaged' | 'incomplete' {
    for (;;) {
      if (!this.#seekMagic()) return 'incomplete';
      if (this.pendingBytes < frameHeaderBytes) return 'incomplete';
      const length = this.#buffer.readUInt32LE(this.#start + 2);
      if (length < checksumBytes || length > this.#maxBytes) {
        this.#skip(1);
        continue;
      }
      if (this.pendingBytes < frameHeaderBytes + length) return 'incomplete';
      const from = this.#start + frameHeaderBytes;
      if (!this.#checksumHolds(from, length)) {
        this.#skip(1);
        return 'damaged';
      }
      // Copied, because the decoded message refers to its input and this buffer is used again.
      const bytes = Buffer.from(this.#buffer.subarray(from, from + length));
      this.#start = from + length;
      const packet = decodePacket(bytes);
      if (packet) return packet;
      this.undecodablePackets++;
      return 'damaged';
    }
  }

  #checksumHolds(from: number, length: number): boolean {
    const at = from + length - checksumBytes;
    if (this.#buffer[at] !== checksumTag) return false;
    this.workBytes += length;
    return crc32(this.#buffer.subarray(from, at)) === this.#buffer.readUInt32LE(at + 1);
  }

  #seekMagic(): boolean {
    const found = this.#buffer.subarray(this.#start, this.#end).indexOf(magic);
    if (found >= 0) {
      this.#skip(found);
      return true;
    }
    const mayBegin = this.pendingBytes > 0 && this.#buffer[this.#end - 1] === 0xff ? 1 : 0;
    this.#skip(this.pendingBytes - mayBegin);
    return false;
  }

  #skip(bytes: number): void {
    this.skippedBytes += bytes;
    this.#start += bytes;
  }
}

function decodePacket(bytes: Uint8Array): Packet | undefined {
  try {
    return fromBinary(PacketSchema, bytes, { readUnknownFields: false });
  } catch {
    // The checksum was right, so the sender wrote nonsense; the caller counts it.
    return undefined;
  }
}
