import { create, toBinary } from '@bufbuild/protobuf';
import { SnoopIdmPacketSchema } from '@protect/proto/control';
import { Form, PacketSchema, RequestSchema } from '@protect/proto/idm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { snoopLine } from './snoop-line.ts';

const ping = toBinary(
  PacketSchema,
  create(PacketSchema, {
    id: 5n,
    form: Form.REQUEST,
    data: toBinary(
      RequestSchema,
      create(RequestSchema, { request: { case: 'ping', value: { payload: new Uint8Array([1, 2]) } } }),
    ),
  }),
);

function snooped(packet: Uint8Array) {
  return create(SnoopIdmPacketSchema, { from: 'host', to: 'zone', packet });
}

test('a packet is a line with both ends, id, form and content', () => {
  expect(snoopLine(snooped(ping), 'simple')).toBe('(host -> zone) 5 request {"ping":{"payload":"AQI="}}');
});

test('jsonl has the raw data beside the decoded', () => {
  expect(JSON.parse(snoopLine(snooped(ping), 'jsonl'))).toEqual({
    from: 'host',
    to: 'zone',
    packet: { id: 5, channel: 0, form: 'request', data: 'EgQKAgEC', decoded: { ping: { payload: 'AQI=' } } },
  });
  expect(snoopLine(snooped(ping), 'key-value')).toContain('packet.decoded.ping.payload="AQI="');
});

test('another channel is shown as it is, and so is garbage', () => {
  const foreign = toBinary(
    PacketSchema,
    create(PacketSchema, { id: 1n, channel: 3n, form: Form.REQUEST, data: new Uint8Array([255]) }),
  );
  expect(snoopLine(snooped(foreign), 'simple')).toBe('(host -> zone) 1 request /w==');
  expect(snoopLine(snooped(new Uint8Array([0xff, 0xff])), 'simple')).toBe(
    '(host -> zone) 0 unspecified //8=',
  );
});

test('no bytes make anything but one line', () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.constantFrom('simple' as const, 'jsonl' as const, 'key-value' as const),
      (bytes, format) => {
        expect(snoopLine(snooped(bytes), format).split('\n')).toHaveLength(1);
      },
    ),
  );
});
