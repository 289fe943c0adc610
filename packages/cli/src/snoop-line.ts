import { type DescMessage, fromBinary, toJson } from '@bufbuild/protobuf';
import type { SnoopIdmPacket } from '@protect/proto/control';
import {
  CreditSchema,
  ErrorSchema,
  EventSchema,
  Form,
  FormSchema,
  type Packet,
  PacketSchema,
  RequestSchema,
  ResponseSchema,
  StreamRequestSchema,
  StreamResponseSchema,
} from '@protect/proto/idm';
import { keyValueLine } from './key-value.ts';
import { shortName } from './short-name.ts';

export const snoopFormats = ['simple', 'jsonl', 'key-value'] as const;

export type SnoopFormat = (typeof snoopFormats)[number];

/** What the data of each form is. */
const contents = new Map<Form, DescMessage>([
  [Form.EVENT, EventSchema],
  [Form.REQUEST, RequestSchema],
  [Form.RESPONSE, ResponseSchema],
  [Form.STREAM_REQUEST, StreamRequestSchema],
  [Form.STREAM_REQUEST_UPDATE, StreamRequestSchema],
  [Form.STREAM_RESPONSE_UPDATE, StreamResponseSchema],
  [Form.ERROR, ErrorSchema],
  [Form.CREDIT, CreditSchema],
]);

/** One message as a line: `(FROM -> TO) <id> <form> <JSON, or base64 of what cannot be decoded>`. */
export function snoopLine(snooped: SnoopIdmPacket, format: SnoopFormat): string {
  const { from, to } = snooped;
  const packet = decodePacket(snooped.packet);
  const data = Buffer.from(packet?.data ?? snooped.packet).toString('base64');
  const decoded = packet === undefined ? undefined : decodeContent(packet);
  const form = shortName(FormSchema, packet?.form ?? Form.UNSPECIFIED);
  if (format === 'simple') {
    const text = decoded === undefined ? data : JSON.stringify(decoded);
    return `(${from} -> ${to}) ${packet?.id ?? 0} ${form} ${text}`;
  }
  const id = Number(packet?.id ?? 0n);
  const channel = Number(packet?.channel ?? 0n);
  const object = {
    from,
    to,
    packet: { id, channel, form, data, ...(decoded === undefined ? {} : { decoded }) },
  };
  return format === 'jsonl' ? JSON.stringify(object) : keyValueLine(object);
}

function decodePacket(bytes: Uint8Array): Packet | undefined {
  try {
    return fromBinary(PacketSchema, bytes);
  } catch {
    // A zone may send anything; the bytes are shown as they are.
    return undefined;
  }
}

function decodeContent({ channel, form, data }: Packet): unknown {
  const desc = channel === 0n ? contents.get(form) : undefined;
  if (desc === undefined) return data.length === 0 ? {} : undefined;
  try {
    return toJson(desc, fromBinary(desc, data));
  } catch {
    return undefined;
  }
}
