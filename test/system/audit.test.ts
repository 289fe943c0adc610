import { readFile } from 'node:fs/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { connectNats, type NatsLink } from '@protect/bus/nats';
import { readCredentials, readServerAddress } from '@protect/bus/server-address';
import { everyAudit } from '@protect/bus/subjects';
import { ControlService } from '@protect/proto/control';
import { createTestAuthority, type TestAuthority } from '@protect/service/testing/certificates';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startStack, type TestStack } from './stack.ts';
import { type TcpListener, tcpListener } from './tcp-listener.ts';

/** No such user or group has to exist: the kernel only compares numbers. */
const user = { uid: 64_711, gid: 64_712 };
const unknownId = '00000000-0000-4000-8000-000000000000';

const recordSchema = z.object({
  call: z.string(),
  phase: z.enum(['call', 'begin', 'end']),
  time: z.iso.datetime(),
  method: z.string(),
  protocol: z.string(),
  caller: z.record(z.string(), z.unknown()),
  object: z.record(z.string(), z.string()),
  code: z.string().optional(),
  durationMs: z.number().optional(),
});
type AuditRecord = z.infer<typeof recordSchema>;

let stack: TestStack;
let authority: TestAuthority;
let tcp: TcpListener;
let link: NatsLink;
const published: AuditRecord[] = [];
let texts = '';

beforeAll(async () => {
  authority = await createTestAuthority('audit');
  tcp = await tcpListener(authority);
  stack = await startStack({ daemonToml: `[runtime.listen]\ngroup = "${user.gid}"\n${tcp.toml}` });
  link = await follow();
});

afterAll(async () => {
  await link?.close();
  await stack?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});

/** Reads the audit as a tool does, with the credentials that only read. */
async function follow(): Promise<NatsLink> {
  const [{ url }, credentials] = await Promise.all([
    readServerAddress(stack.paths),
    readCredentials(stack.paths, 'reader'),
  ]);
  const reader = await connectNats({ url, ...credentials, name: 'test', onEvent: () => undefined });
  reader.subscribe(everyAudit, undefined, ({ data }) => {
    const text = Buffer.from(data).toString();
    texts += text;
    published.push(recordSchema.parse(JSON.parse(text)));
  });
  await reader.flush();
  return reader;
}

/** The next record that is published of a client’s call of this method. */
async function nextRecord(method: string, phase: AuditRecord['phase'], after: number): Promise<AuditRecord> {
  // The services call too.
  const find = () =>
    published
      .slice(after)
      .find((one) => one.method === method && one.phase === phase && one.caller.kind !== 'service');
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  const found = find();
  if (found === undefined) throw new Error('it was there a moment ago');
  return found;
}

function daemonLog(): Promise<string> {
  return readFile(stack.paths.log('daemon'), 'utf8');
}

/** A call by curl, under the ids of another user when given. */
function curlAs(ids: { uid: number; gid: number } | undefined, method: string, body: object) {
  const curl = [
    ...['curl', '--silent', '--show-error', '--unix-socket', stack.paths.daemonSocket],
    ...['--header', 'content-type: application/json', '--data', JSON.stringify(body)],
    `http://localhost/protect.control.v1.ControlService/${method}`,
  ];
  const become =
    ids === undefined ? [] : ['setpriv', '--reuid', `${ids.uid}`, '--regid', `${ids.gid}`, '--clear-groups'];
  const [file = '', ...args] = [...become, ...curl];
  return execa(file, args, { reject: false, timeout: 20_000 });
}

describe('a call is on NATS and in the log with', () => {
  test.each([
    ['root', undefined, { uid: 0, gid: 0 }],
    ['another user of the socket’s group', user, user],
  ])('the ids of %s', async (_, ids, expected) => {
    const after = published.length;
    const calling = curlAs(ids, 'GetZone', { zoneId: unknownId });
    const { pid } = calling;
    expect((await calling).stdout).toContain('not_found');
    const record = await nextRecord('GetZone', 'call', after);
    expect(record).toMatchObject({
      protocol: 'connect',
      caller: { kind: 'process', ...expected, pid },
      object: { zone: unknownId },
      code: 'not_found',
    });
    expect(Date.parse(record.time)).toBeLessThanOrEqual(Date.now());
    expect(record.durationMs).toBeGreaterThan(0);
    const line = (await daemonLog()).split('\n').find((text) => text.includes(record.call));
    expect(JSON.parse(line ?? '')).toMatchObject({ msg: 'audit', audit: record });
  });

  test('the certificate of a TCP client', async () => {
    const { cert, key } = await authority.issue('alice');
    const transport = createGrpcTransport({
      baseUrl: `https://localhost:${tcp.port}`,
      nodeOptions: { cert, key, ca: authority.cert, host: '127.0.0.1', servername: 'localhost' },
    });
    const after = published.length;
    await createClient(ControlService, transport).getHostStatus({});
    const { stdout } = await execa('openssl', ['x509', '-noout', '-fingerprint', '-sha256'], { input: cert });
    const fingerprint = stdout.replace(/^.*=/, '').replaceAll(':', '').toLowerCase();
    expect(await nextRecord('GetHostStatus', 'call', after)).toMatchObject({
      protocol: 'grpc',
      caller: { kind: 'certificate', subject: 'O=tests, CN=alice', fingerprint, address: '127.0.0.1' },
      code: 'ok',
    });
  });

  test('the name of a service that calls over NATS', async () => {
    await stack.services.orchestrator.end();
    await stack.services.orchestrator.restart();
    await expect
      .poll(() => published.find(({ caller }) => caller.name === 'orchestrator'), { timeout: 20_000 })
      .toMatchObject({ protocol: 'nats', caller: { kind: 'service', name: 'orchestrator' } });
  });

  test('its beginning and its end when it is a stream', async () => {
    const after = published.length;
    const abort = new AbortController();
    const watching = stack.client.watchEvents({}, { signal: abort.signal })[Symbol.asyncIterator]().next();
    const begin = await nextRecord('WatchEvents', 'begin', after);
    abort.abort();
    await expect(watching).rejects.toMatchObject({ code: Code.Canceled });
    const end = await nextRecord('WatchEvents', 'end', after);
    expect(end).toMatchObject({ call: begin.call, code: 'canceled' });
    expect(begin.code).toBeUndefined();
  });
});

test('a user outside of the group is not let in, and its attempt is no call', async () => {
  const after = published.length;
  const result = await curlAs({ uid: user.uid, gid: user.gid + 1 }, 'GetHostStatus', {});
  expect(result.exitCode).not.toBe(0);
  expect(result.stdout).toBe('');
  await stack.client.listDevices({});
  await nextRecord('ListDevices', 'call', after);
  expect(published.slice(after).map(({ method }) => method)).not.toContain('GetHostStatus');
});

test('no environment, input or credential is in any record', async () => {
  const secret = 'hunter2-hunter2';
  const after = published.length;
  const process = { command: [secret], environment: [{ key: secret, value: secret }] };
  const calls: (() => Promise<unknown>)[] = [
    () =>
      stack.client.createWorkload({
        spec: { zoneId: unknownId, image: { digest: `sha256:${'0'.repeat(64)}` }, process },
      }),
    async () => {
      async function* requests() {
        yield {
          request: { case: 'start' as const, value: { zoneId: unknownId, process } },
        };
        yield { request: { case: 'stdin' as const, value: { stdin: Buffer.from(secret) } } };
      }
      for await (const _ of stack.client.executeZoneCommand(requests()));
    },
    async () => {
      const usernamePassword = { username: secret, password: secret };
      const auth = { authenticationMethod: { case: 'usernamePassword' as const, value: usernamePassword } };
      for await (const _ of stack.client.pullImage({ image: `https://a:${secret}@localhost:1/a`, auth }));
    },
  ];
  for (const call of calls) await expect(call()).rejects.toBeInstanceOf(ConnectError);
  await nextRecord('PullImage', 'end', after);
  expect(published.slice(after).map(({ method }) => method)).toEqual(
    expect.arrayContaining(['CreateWorkload', 'ExecuteZoneCommand', 'PullImage']),
  );
  expect(texts).not.toContain(secret);
  expect(await daemonLog()).not.toContain(secret);
});

test('a request that cannot be read is a call too', async () => {
  const after = published.length;
  const result = await curlAs(undefined, 'GetZone', { zoneId: 5 });
  expect(result.stdout).toContain('invalid_argument');
  expect(await nextRecord('GetZone', 'call', after)).toMatchObject({ code: 'invalid_argument', object: {} });
});

test('while NATS is away calls go on and the log has them; then NATS gets the audit again', async () => {
  const after = published.length;
  await link.close();
  await stack.nats.end();
  await stack.client.listDevices({});
  expect(await daemonLog()).toMatch(/is lost.*\n(.*\n)*.*"phase":"call".*"method":"ListDevices"/);
  await stack.nats.restart();
  link = await follow();
  await stack.client.getHostStatus({});
  await nextRecord('GetHostStatus', 'call', after);
});
