import { readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Form, type Packet, PacketSchema } from '@protect/proto/idm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameDecoder, frameHeaderBytes, receiveMaxBytes } from './frame.ts';

const vectors = new URL('../../../../zone/init/vectors/', import.meta.url);

interface Vector {
  readonly line: string;
  readonly kind: 'valid' | 'invalid' | 'stream';
  readonly bytes: Buffer;
  readonly packets: number;
  readonly skipped: number | undefined;
}

function readVectors(file: string): Vector[] {
  return readFileSync(new URL(file, vectors), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^(valid|invalid|stream) ([0-9a-f]*)(?: -> (\d+) packets, (\d+) skipped bytes)?$/.exec(
        line,
      );
      const [, kind, hex = '', packets, skipped] = match ?? [];
      if (kind !== 'valid' && kind !== 'invalid' && kind !== 'stream')
        throw new Error(`not a vector: ${line}`);
      return {
        line: line.slice(0, 100),
        kind,
        bytes: Buffer.from(hex, 'hex'),
        packets: kind === 'valid' ? 1 : Number(packets ?? 0),
        skipped: kind === 'valid' ? 0 : skipped === undefined ? undefined : Number(skipped),
      };
    });
}

function decodeChunks(chunks: Iterable<Uint8Array>): { packets: Packet[]; decoder: FrameDecoder } {
  const decoder = new FrameDecoder();
  const packets: Packet[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let next = decoder.next(); next !== 'incomplete'; next = decoder.next()) {
      if (next !== 'damaged') packets.push(next);
    }
  }
  return { packets, decoder };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const size = sizes.length === 0 ? bytes.length : Math.max(1, sizes[index % sizes.length] ?? 1);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const packetFields = fc.record({
  id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  channel: fc.constantFrom(0n, 1n, 300n),
  form: fc.constantFrom(Form.EVENT, Form.REQUEST, Form.RESPONSE, Form.STREAM_RESPONSE_UPDATE, Form.CREDIT),
  data: fc.uint8Array({ maxLength: 2000 }),
  deadlineMs: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const chunkSizes = fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 20 });
/** Bytes without magic, so that nothing in them can begin a frame. */
const garbage = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => bytes.map((byte) => (byte === 0xff ? 0xfe : byte)));

function fieldsOf({ id, channel, form, data, deadlineMs }: Packet) {
  return { id, channel, form, data: new Uint8Array(data), deadlineMs };
}

describe('the frame vectors shared with the zone', () => {
  const all = ['valid.txt', 'invalid.txt', 'stream.txt'].flatMap(readVectors);

  it.each(all)('$kind: $line', ({ bytes, packets, skipped }) => {
    for (const sizes of [[], [1], [2], [3, 5], [7]]) {
      const result = decodeChunks(cut(bytes, sizes));
      expect(result.packets).toHaveLength(packets);
      if (skipped !== undefined) expect(result.decoder.skippedBytes).toBe(skipped);
    }
  });

  it.each(all.filter(({ kind }) => kind === 'valid'))('survives the encoder: $line', ({ bytes }) => {
    const [packet] = decodeChunks([bytes]).packets;
    const [again] = decodeChunks(packet ? [encodeFrame(packet)] : []).packets;
    expect(again && fieldsOf(again)).toEqual(packet && fieldsOf(packet));
  });
});

describe('encodeFrame', () => {
  it('writes what a protobuf library writes, but for the checksum', () => {
    fc.assert(
      fc.property(packetFields, (fields) => {
        const frame = encodeFrame(fields);
        const body = frame.subarray(frameHeaderBytes, -5);
        expect(frame.readUInt32LE(2)).toBe(frame.length - frameHeaderBytes);
        expect(body.equals(toBinary(PacketSchema, create(PacketSchema, fields)))).toBe(true);
        expect(fromBinary(PacketSchema, frame.subarray(frameHeaderBytes)).crc32).toBe(
          frame.readUInt32LE(frame.length - 4),
        );
      }),
    );
  });
});

describe('FrameDecoder', () => {
  it('gives the same packets however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(packetFields, { maxLength: 10 }), chunkSizes, (sent, sizes) => {
        const { packets, decoder } = decodeChunks(cut(Buffer.concat(sent.map(encodeFrame)), sizes));
        expect(packets.map(fieldsOf)).toEqual(
          sent.map((fields) => ({ ...fields, data: new Uint8Array(fields.data) })),
        );
        expect(decoder.skippedBytes).toBe(0);
        expect(decoder.pendingBytes).toBe(0);
      }),
    );
  });

  it('finds every packet between garbage and counts the garbage', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(garbage, packetFields), { maxLength: 8 }), chunkSizes, (parts, sizes) => {
        const bytes = Buffer.concat(parts.flatMap(([noise, fields]) => [noise, encodeFrame(fields)]));
        const { packets, decoder } = decodeChunks(cut(bytes, sizes));
        expect(packets.map((packet) => packet.id)).toEqual(parts.map(([, fields]) => fields.id));
        expect(decoder.skippedBytes).toBe(parts.reduce((sum, [noise]) => sum + noise.length, 0));
      }),
    );
  });

  it('finds the packet after any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), packetFields, (noise, fields) => {
        // Noise may look like the start of a frame of up to the maximum; then the bytes after it decide.
        const filler = Buffer.alloc(receiveMaxBytes + 6);
        const { packets } = decodeChunks([Buffer.concat([noise, encodeFrame(fields), filler])]);
        expect(packets.some((packet) => packet.id === fields.id && packet.form === fields.form)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('skips a frame above the receive maximum without holding it', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from([0xff, 0xff, 0x01, 0x00, 0x04, 0x00]));
    expect(decoder.next()).toBe('incomplete');
    expect(decoder.pendingBytes).toBeLessThan(2);
  });

  it('takes a frame of exactly the receive maximum, sent a few bytes at a time, without quadratic work', () => {
    const data = new Uint8Array(receiveMaxBytes - 64);
    const frame = encodeFrame({ id: 2n, form: Form.EVENT, data });
    const started = performance.now();
    const { packets } = decodeChunks(cut(frame, [3]));
    expect(packets).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('stops after each false frame, so that the caller can bound the work of checksums', () => {
    // Every sixth byte begins a frame whose last five bytes look like a checksum.
    const period = Buffer.from([0xff, 0xff, 0x7d, 0x7d, 0x03, 0x00]);
    const decoder = new FrameDecoder();
    decoder.push(Buffer.alloc(receiveMaxBytes + 1024, period));
    expect(decoder.next()).toBe('damaged');
    expect(decoder.workBytes + decoder.skippedBytes).toBeLessThan(2 * receiveMaxBytes);
  });

  it('hands out data that later input does not change', () => {
    const decoder = new FrameDecoder();
    decoder.push(encodeFrame({ id: 2n, form: Form.EVENT, data: Buffer.from('first') }));
    const first = decoder.next();
    decoder.push(encodeFrame({ id: 4n, form: Form.EVENT, data: Buffer.from('other') }));
    decoder.next();
    expect(typeof first === 'object' && Buffer.from(first.data).toString()).toBe('first');
  });
});
