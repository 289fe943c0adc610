import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  EventSchema,
  Form,
  PacketSchema,
  type Request,
  RequestSchema,
  ResponseSchema,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
  StreamResponseSchema,
} from '@protect/proto/idm';
import { z } from 'zod';

/** The fields of a packet that a listener may know of, before secrets are taken out. */
export interface SnoopedFields {
  readonly id: bigint;
  readonly channel: bigint;
  readonly form: Form;
  readonly data: Uint8Array;
  readonly deadlineMs: number;
}

const processObject = z.looseObject({ env: z.array(z.string()).optional() });
const configObject = z.looseObject({ process: processObject.optional() });

/** What stands in the place of bytes that a listener must not see. */
export function lengthMarker(bytes: number): string {
  return `[${bytes} bytes]`;
}

function hidden(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.length === 0 ? new Uint8Array() : new TextEncoder().encode(lengthMarker(bytes.length));
}

function hideValue(assignment: string): string {
  const equals = assignment.indexOf('=');
  if (equals < 0) return lengthMarker(Buffer.byteLength(assignment));
  return `${assignment.slice(0, equals)}=${lengthMarker(Buffer.byteLength(assignment.slice(equals + 1)))}`;
}

function hideEnvironment(process: z.infer<typeof processObject>): z.infer<typeof processObject> {
  return process.env ? { ...process, env: process.env.map(hideValue) } : process;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** A JSON document without its environment; one that cannot be understood is hidden as a whole. */
function hideInProcess(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return new Uint8Array();
  const parsed = processObject.safeParse(parseJson(bytes));
  if (!parsed.success) return hidden(bytes);
  return new TextEncoder().encode(JSON.stringify(hideEnvironment(parsed.data)));
}

function hideInConfig(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return new Uint8Array();
  const parsed = configObject.safeParse(parseJson(bytes));
  if (!parsed.success) return hidden(bytes);
  const { process, ...rest } = parsed.data;
  const shown = process ? { ...rest, process: hideEnvironment(process) } : rest;
  return new TextEncoder().encode(JSON.stringify(shown));
}

function redactRequest(message: Request): Request {
  const { request } = message;
  if (request.case === 'configure' || request.case === 'setClock') {
    request.value.randomSeed = hidden(request.value.randomSeed);
  } else if (request.case === 'createWorkload') {
    request.value.ociConfig = hideInConfig(request.value.ociConfig);
  }
  return message;
}

function redactStreamRequest(message: StreamRequest): StreamRequest {
  const { request } = message;
  if (request.case === 'stdin') {
    request.value.data = hidden(request.value.data);
  } else if (request.case === 'exec') {
    request.value.ociProcess = hideInProcess(request.value.ociProcess);
    if (request.value.process) {
      request.value.process.environment = request.value.process.environment.map(hideValue);
    }
  }
  return message;
}

function redactStreamResponse(message: StreamResponse): StreamResponse {
  if (message.response.case === 'output') {
    message.response.value.data = hidden(message.response.value.data);
  }
  return message;
}

function recode<D extends DescMessage>(
  schema: D,
  data: Uint8Array,
  redact: (message: MessageShape<D>) => MessageShape<D> = (message) => message,
): Uint8Array<ArrayBuffer> {
  // Unknown fields may be anything, so they are not passed on.
  const message = fromBinary(schema, data, { readUnknownFields: false });
  return toBinary(schema, redact(message));
}

function redactData(form: Form, data: Uint8Array): Uint8Array<ArrayBuffer> {
  switch (form) {
    case Form.EVENT:
      return recode(EventSchema, data);
    case Form.REQUEST:
      return recode(RequestSchema, data, redactRequest);
    case Form.RESPONSE:
      return recode(ResponseSchema, data);
    case Form.STREAM_REQUEST:
    case Form.STREAM_REQUEST_UPDATE:
      return recode(StreamRequestSchema, data, redactStreamRequest);
    case Form.STREAM_RESPONSE_UPDATE:
      return recode(StreamResponseSchema, data, redactStreamResponse);
    case Form.ERROR:
    case Form.CREDIT:
      return new Uint8Array(data);
    default:
      return hidden(data);
  }
}

/**
 * The packet encoded for a listener: standard input, output, environments and random seeds are
 * replaced by their lengths; content that cannot be decoded is hidden as a whole.
 */
export function encodeRedacted(fields: SnoopedFields): Uint8Array {
  let data: Uint8Array<ArrayBuffer>;
  try {
    data = redactData(fields.form, fields.data);
  } catch {
    data = hidden(fields.data);
  }
  const { id, channel, form, deadlineMs } = fields;
  return toBinary(PacketSchema, create(PacketSchema, { id, channel, form, data, deadlineMs }));
}
