import { connect as connectHttp2, type SecureClientSessionOptions } from 'node:http2';
import { connect } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import {
  GetHostStatusReplySchema,
  GetHostStatusRequestSchema,
  GetZoneRequestSchema,
  ListZonesReplySchema,
  ListZonesRequestSchema,
} from '@protect/proto/control';
import {
  createTestAuthority,
  type TestAuthority,
  type TestCertificate,
} from '@protect/service/testing/certificates';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startStack, type TestStack } from './stack.ts';
import { type TcpListener, tcpListener } from './tcp-listener.ts';

const service = '/protect.control.v1.ControlService';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let stack: TestStack;
let authority: TestAuthority;
let tcp: TcpListener;
let client: TestCertificate;

beforeAll(async () => {
  authority = await createTestAuthority('wires');
  client = await authority.issue('client');
  tcp = await tcpListener(authority);
  stack = await startStack({ daemonToml: tcp.toml });
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});

/** One way to reach the daemon, for each of the foreign clients. */
interface Wire {
  readonly curl: () => readonly string[];
  readonly url: () => string;
  readonly grpcTarget: () => string;
  readonly grpcCredentials: () => grpc.ChannelCredentials;
  readonly http2: () => SecureClientSessionOptions;
}

const unix: Wire = {
  curl: () => ['--unix-socket', stack.paths.daemonSocket],
  url: () => 'http://localhost',
  grpcTarget: () => `unix:${stack.paths.daemonSocket}`,
  grpcCredentials: () => grpc.credentials.createInsecure(),
  http2: () => ({ createConnection: () => connect(stack.paths.daemonSocket) }),
};

const tls: Wire = {
  curl: () => ['--cacert', authority.certFile, '--cert', client.certFile, '--key', client.keyFile],
  url: () => `https://localhost:${tcp.port}`,
  grpcTarget: () => `127.0.0.1:${tcp.port}`,
  grpcCredentials: () =>
    grpc.credentials.createSsl(
      Buffer.from(authority.cert),
      Buffer.from(client.key),
      Buffer.from(client.cert),
    ),
  http2: () => ({ ca: authority.cert, cert: client.cert, key: client.key }),
};

function curl(wire: Wire, args: readonly string[], input = Buffer.alloc(0)) {
  const common = ['--silent', '--show-error', '--noproxy', '*', ...wire.curl(), ...args];
  return execa('curl', [...common, `${wire.url()}${service}/GetHostStatus`], {
    input,
    encoding: 'buffer',
    timeout: 20_000,
  });
}

describe.each([
  ['its unix socket', unix, '--http2-prior-knowledge'],
  ['TCP with mutual TLS', tls, '--http2'],
])('the control API answers on %s', (_wire, wire, http2Flag) => {
  test.each([['--http1.1'], [http2Flag]])('to Connect with JSON, %s', async (flag) => {
    const json = ['--header', 'content-type: application/json', '--data', '{}'];
    const { stdout } = await curl(wire, [flag, ...json]);
    const reply: unknown = JSON.parse(Buffer.from(stdout).toString('utf8'));
    expect(reply).toMatchObject({ hostUuid: expect.stringMatching(uuid) });
  });

  test.each([['--http1.1'], [http2Flag]])('to gRPC-Web, %s', async (flag) => {
    const web = ['--header', 'content-type: application/grpc-web+proto', '--data-binary', '@-'];
    // One frame: no flags, length zero.
    const { stdout } = await curl(wire, [flag, ...web], Buffer.alloc(5));
    const body = Buffer.from(stdout);
    const length = body.readUInt32BE(1);
    const reply = fromBinary(GetHostStatusReplySchema, body.subarray(5, 5 + length));
    expect(reply.hostUuid).toMatch(uuid);
    expect(body.subarray(5 + length + 5).toString('utf8')).toMatch(/grpc-status: ?0/);
  });

  test.each([
    ['its own choice', undefined],
    ['a host name', 'localhost'],
    ['a host name with a port', 'localhost:4353'],
  ])('to gRPC by another implementation whose :authority is %s', async (_, authorityName) => {
    const options = authorityName === undefined ? {} : { 'grpc.default_authority': authorityName };
    // The certificate is for localhost, whatever the client calls the server.
    const named = wire === tls ? { 'grpc.ssl_target_name_override': 'localhost', ...options } : options;
    const stub = new grpc.Client(wire.grpcTarget(), wire.grpcCredentials(), named);
    try {
      const answered = Promise.withResolvers<string>();
      stub.makeUnaryRequest(
        `${service}/GetHostStatus`,
        () => Buffer.from(toBinary(GetHostStatusRequestSchema, create(GetHostStatusRequestSchema))),
        (bytes) => fromBinary(GetHostStatusReplySchema, bytes),
        {},
        (error, reply) => (error ? answered.reject(error) : answered.resolve(reply?.hostUuid ?? '')),
      );
      expect(await answered.promise).toMatch(uuid);

      const pages = stub.makeServerStreamRequest(
        `${service}/ListZones`,
        () => Buffer.from(toBinary(ListZonesRequestSchema, create(ListZonesRequestSchema))),
        (bytes) => fromBinary(ListZonesReplySchema, bytes),
        {},
      );
      const zones: unknown[] = [];
      for await (const page of pages) zones.push(page);
      expect(zones).toMatchObject([{ zones: [] }]);

      const refused = Promise.withResolvers<grpc.ServiceError | null>();
      stub.makeUnaryRequest(
        `${service}/GetZone`,
        () => Buffer.from(toBinary(GetZoneRequestSchema, create(GetZoneRequestSchema, { zoneId: 'né/?;' }))),
        (bytes) => bytes,
        {},
        (error) => refused.resolve(error),
      );
      const error = await refused.promise;
      expect(error).toMatchObject({
        code: grpc.status.INVALID_ARGUMENT,
        details: '"né/?;" is no zone id (a UUID)',
      });
      const [status = ''] = error?.metadata.get('grpc-status-details-bin') ?? [];
      expect(status.toString('latin1')).toMatch(/type\.googleapis\.com\/google\.rpc\.BadRequest.*zone_id/s);
    } finally {
      stub.close();
    }
  });

  test.each([
    ['localhost'],
    ['localhost:80'],
    ['[::1]:4353'],
    ['%2Frun%2Fdaemon.socket'],
    [''],
    ['/run/daemon.socket'],
  ])('to HTTP/2 requests whose :authority is %j', async (name) => {
    const session = connectHttp2(wire.url(), wire.http2());
    try {
      // Later requests refer to the header table that the first has filled.
      for (let call = 0; call < 3; call++) {
        const stream = session.request({
          ':method': 'POST',
          ':path': `${service}/GetHostStatus`,
          ':authority': name,
          'content-type': 'application/json',
        });
        stream.end('{}');
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        expect(Buffer.concat(chunks).toString()).toContain('hostUuid');
      }
    } finally {
      session.destroy();
    }
  });
});

test('TCP is closed to who has no certificate', async () => {
  const result = await execa(
    'curl',
    ['--silent', '--show-error', '--noproxy', '*', '--cacert', authority.certFile, '--data', '{}'].concat([
      '--header',
      'content-type: application/json',
      `${tls.url()}${service}/GetHostStatus`,
    ]),
    { reject: false, timeout: 20_000 },
  );
  expect(result.exitCode).not.toBe(0);
  expect(result.stdout).toBe('');
});
