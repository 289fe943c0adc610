import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHeaderBlock, type HeaderField, HpackDecoder } from './hpack.ts';
import { decodeHuffman } from './hpack-huffman.ts';
import { AuthorityRewriter, isPlainAuthority } from './http2-authority.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

const settings = frame(4, 0, 0, Buffer.alloc(0));
const field = (name: string, value: string): HeaderField => ({ name, value, sensitive: false });
const request = (authority: string) => [
  field(':method', 'POST'),
  field(':authority', authority),
  field(':path', '/a'),
];

/** The fields of all HEADERS frames in what was passed on. */
function fieldsOf(bytes: Buffer): string[][] {
  const decoder = new HpackDecoder();
  const found: string[][] = [];
  for (let at = preface.length; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const length = bytes.readUIntBE(at, 3);
    if (bytes.readUInt8(at + 3) !== 1) continue;
    const fields = decoder.decode(bytes.subarray(at + 9, at + 9 + length)) ?? [];
    found.push(fields.map(({ name, value }) => `${name}=${value}`));
  }
  return found;
}

test('the examples of RFC 7541, appendix C, are decoded with their table', () => {
  const decoder = new HpackDecoder();
  const first = decoder.decode(Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'));
  expect(first?.map(({ name, value }) => `${name}: ${value}`)).toEqual([
    ':method: GET',
    ':scheme: http',
    ':path: /',
    ':authority: www.example.com',
  ]);
  const second = decoder.decode(Buffer.from('828684be5886a8eb10649cbf', 'hex'));
  expect(second?.at(-2)).toMatchObject({ name: ':authority', value: 'www.example.com' });
  expect(second?.at(-1)).toMatchObject({ name: 'cache-control', value: 'no-cache' });
  expect(decodeHuffman(Buffer.from('25a849e95bb8e8b4bf', 'hex'))?.toString()).toBe('custom-value');
});

test('whatever fields are encoded are decoded again', () => {
  const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  const fields = fc.array(fc.record({ name: text, value: text, sensitive: fc.boolean() }), { maxLength: 20 });
  const check = fc.property(fields, (given) => {
    expect(new HpackDecoder().decode(encodeHeaderBlock(given))).toEqual(given);
  });
  expect(() => fc.assert(check)).not.toThrow();
});

test('no bytes make the decoder do anything but answer', () => {
  const check = fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    new HpackDecoder().decode(Buffer.from(bytes));
  });
  expect(() => fc.assert(check)).not.toThrow();
});

test.each(['', '/run/daemon.socket', '%2Frun%2Fdaemon.socket', 'a b'])(
  'the authority %j becomes localhost in every request, however the bytes are cut',
  (authority) => {
    const block = encodeHeaderBlock(request(authority));
    const whole = Buffer.concat([
      preface,
      settings,
      frame(1, 0x4, 1, block),
      frame(0, 0x1, 1, Buffer.from('body')),
      frame(1, 0x5, 3, encodeHeaderBlock(request('localhost'))),
      frame(1, 0x0, 5, block.subarray(0, 5)),
      frame(9, 0x4, 5, block.subarray(5)),
    ]);
    const check = fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (cuts) => {
      const rewriter = new AuthorityRewriter();
      const out: Buffer[] = [];
      for (let at = 0, cut = 0; at < whole.length; cut++) {
        const length = cuts[cut % cuts.length] ?? 1;
        out.push(rewriter.feed(whole.subarray(at, at + length)));
        at += length;
      }
      const fields = fieldsOf(Buffer.concat(out));
      expect(fields).toEqual(
        Array.from({ length: 3 }, () => [':method=POST', ':authority=localhost', ':path=/a']),
      );
    });
    expect(() => fc.assert(check)).not.toThrow();
  },
);

test('a connection whose first authority is plain passes byte for byte', () => {
  const whole = Buffer.concat([
    preface,
    settings,
    frame(1, 0x5, 1, encodeHeaderBlock(request('localhost'))),
    frame(1, 0x5, 3, encodeHeaderBlock(request('/later'))),
  ]);
  expect(new AuthorityRewriter().feed(whole).equals(whole)).toBe(true);
});

test.each(['localhost', 'localhost:80', '[::1]:50051', '10.0.0.1', 'a-b.example'])(
  '%s is plain',
  (authority) => {
    expect(isPlainAuthority(authority)).toBe(true);
  },
);
