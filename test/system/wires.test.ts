import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { GetHostStatusReplySchema, GetHostStatusRequestSchema } from '@protect/proto/control';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startStack, type TestStack } from './stack.ts';

const method = '/protect.control.v1.ControlService/GetHostStatus';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let stack: TestStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

function curl(...args: readonly string[]) {
  const socket = ['--silent', '--show-error', '--unix-socket', stack.paths.daemonSocket];
  return execa('curl', [...socket, ...args, `http://localhost${method}`], {
    encoding: 'buffer',
    timeout: 20_000,
  });
}

describe('the control API answers on one socket', () => {
  test('to Connect with JSON over HTTP/1.1', async () => {
    const { stdout } = await curl('--http1.1', '--header', 'content-type: application/json', '--data', '{}');
    const reply: unknown = JSON.parse(Buffer.from(stdout).toString('utf8'));
    expect(reply).toMatchObject({ hostUuid: expect.stringMatching(uuid) });
  });

  test('to Connect with JSON over HTTP/2 with prior knowledge', async () => {
    const json = ['--header', 'content-type: application/json', '--data', '{}'];
    const { stdout } = await curl('--http2-prior-knowledge', ...json);
    expect(Buffer.from(stdout).toString('utf8')).toContain('hostUuid');
  });

  test('to gRPC-Web over HTTP/1.1', async () => {
    // One frame: no flags, length zero.
    const { stdout } = await execa(
      'curl',
      [
        ...['--silent', '--show-error', '--http1.1', '--unix-socket', stack.paths.daemonSocket],
        ...['--header', 'content-type: application/grpc-web+proto', '--data-binary', '@-'],
        `http://localhost${method}`,
      ],
      { input: Buffer.alloc(5), encoding: 'buffer', timeout: 20_000 },
    );
    const body = Buffer.from(stdout);
    const length = body.readUInt32BE(1);
    const reply = fromBinary(GetHostStatusReplySchema, body.subarray(5, 5 + length));
    expect(reply.hostUuid).toMatch(uuid);
    expect(body.subarray(5 + length + 5).toString('utf8')).toMatch(/grpc-status: ?0/);
  });

  test.each([
    ['the socket’s path', undefined],
    ['a host name', 'localhost'],
  ])('to gRPC from another implementation whose :authority is %s', async (_, authority) => {
    const options = authority === undefined ? {} : { 'grpc.default_authority': authority };
    const client = new grpc.Client(
      `unix:${stack.paths.daemonSocket}`,
      grpc.credentials.createInsecure(),
      options,
    );
    try {
      const answered = Promise.withResolvers<string>();
      client.makeUnaryRequest(
        method,
        () => Buffer.from(toBinary(GetHostStatusRequestSchema, create(GetHostStatusRequestSchema))),
        (bytes) => fromBinary(GetHostStatusReplySchema, bytes),
        {},
        (error, reply) => (error ? answered.reject(error) : answered.resolve(reply?.hostUuid ?? '')),
      );
      expect(await answered.promise).toMatch(uuid);
    } finally {
      client.close();
    }
  });
});
