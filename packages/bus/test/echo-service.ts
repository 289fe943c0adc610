import { create, toBinary } from '@bufbuild/protobuf';
import { fileDesc, type GenService, serviceDesc } from '@bufbuild/protobuf/codegenv2';
import {
  type BytesValueSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';

type Bytes = typeof BytesValueSchema;
type Methods = {
  echo: { methodKind: 'unary'; input: Bytes; output: Bytes };
  /** Does not answer before it is told to. */
  hang: { methodKind: 'unary'; input: Bytes; output: Bytes };
  repeat: { methodKind: 'server_streaming'; input: Bytes; output: Bytes };
  collect: { methodKind: 'client_streaming'; input: Bytes; output: Bytes };
  talk: { methodKind: 'bidi_streaming'; input: Bytes; output: Bytes };
};

const bytes = '.google.protobuf.BytesValue';
const io = { inputType: bytes, outputType: bytes };
const file = create(FileDescriptorProtoSchema, {
  name: 'protect/bus/test/echo.proto',
  package: 'protect.bus.test',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [
    {
      name: 'EchoService',
      method: [
        { name: 'Echo', ...io },
        { name: 'Hang', ...io },
        { name: 'Repeat', ...io, serverStreaming: true },
        { name: 'Collect', ...io, clientStreaming: true },
        { name: 'Talk', ...io, clientStreaming: true, serverStreaming: true },
      ],
    },
  ],
});

/** One method of each kind, which no service of the project offers. */
export const EchoService: GenService<Methods> = serviceDesc<Methods>(
  fileDesc(Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64'), [
    file_google_protobuf_wrappers,
  ]),
  0,
);
