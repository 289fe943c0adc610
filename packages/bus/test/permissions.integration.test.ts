import { Code, createClient } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import type { ServiceName } from '@protect/config/paths';
import { HealthService } from '@protect/proto/health';
import { StorageService } from '@protect/proto/storage';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BusMessage, connectNats, type LinkEvent, type NatsLink } from '../src/nats.ts';
import { serveOnBus } from '../src/serve.ts';
import { readCredentials, readServerAddress } from '../src/server-address.ts';
import { type BusUser, serviceNames, zoneEventSubject } from '../src/subjects.ts';
import { createBusTransport } from '../src/transport.ts';
import { echoRoutes } from './echo-handlers.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
const links: NatsLink[] = [];

beforeAll(async () => {
  stand = await openStand();
});

afterAll(async () => {
  await Promise.all(links.map((link) => link.close()));
  await stand[Symbol.asyncDispose]();
});

/** A bare connection with a user's credentials, as a compromised process would use them. */
async function bare(user: BusUser) {
  const [{ url }, credentials] = await Promise.all([
    readServerAddress(stand.paths),
    readCredentials(stand.paths, user),
  ]);
  const denied: string[] = [];
  const onEvent = (event: LinkEvent) => {
    if (event.kind === 'denied') denied.push(`${event.operation} ${event.subject}`);
  };
  const link = await connectNats({ url, ...credentials, name: 'test', onEvent });
  links.push(link);
  return {
    link,
    /** What nats-server refuses of these. */
    async refused(subjects: { publish?: string[]; subscribe?: string[] }) {
      denied.length = 0;
      for (const subject of subjects.subscribe ?? []) link.subscribe(subject, undefined, () => {});
      for (const subject of subjects.publish ?? []) link.publish(subject, new Uint8Array());
      await link.flush();
      // The client library tells of refusals a moment after it has read them.
      await new Promise((resolve) => setImmediate(resolve));
      return denied.toSorted();
    },
  };
}

function others(service: ServiceName): ServiceName[] {
  return serviceNames.filter((name) => name !== service);
}

test.each(serviceNames)('permissions: protect-%s reads and takes nothing of the others', async (service) => {
  const { refused } = await bare(service);
  const subscribe = [
    '>',
    '*.>',
    '_INBOX_*.>',
    'protect.>',
    'protect.rpc.>',
    'protect.stream.*.*.*',
    'protect.idm.>',
    'protect.audit.>',
    '$SRV.>',
    '$JS.>',
    ...others(service).flatMap((other) => [
      `protect.rpc.${other}.v1.Check`,
      `protect.rpc.${other}.v1.*`,
      `protect.stream.${other}.*.*`,
      `_INBOX_${other}.>`,
      `_INBOX_${other}.${service}.*`,
    ]),
  ];
  expect(await refused({ subscribe })).toEqual(
    subscribe.map((subject) => `subscription ${subject}`).toSorted(),
  );
});

test.each(serviceNames)('permissions: protect-%s speaks in nobody else’s name', async (service) => {
  const { refused } = await bare(service);
  const publish = [
    ...others(service).flatMap((other) => [
      `protect.presence.${other}`,
      // Answers in the name of a third, and frames of a third's calls.
      ...others(service).flatMap((third) => [
        `_INBOX_${other}.${third}.x`,
        `protect.stream.${third}.${other}.x`,
      ]),
      `_INBOX_${other}.any.x`,
    ]),
    '_INBOX_operator.x',
    '$JS.API.STREAM.DELETE.PROTECT_EVENTS',
    '$JS.API.STREAM.PURGE.PROTECT_EVENTS',
    '$JS.API.CONSUMER.CREATE.PROTECT_EVENTS',
    '$SRV.PING',
    ...(service === 'daemon'
      ? []
      : [
          zoneEventSubject(newZoneId(), 'ready'),
          `protect.idm.${newZoneId()}.to-zone`,
          'protect.audit.GetZone',
          '$JS.API.STREAM.CREATE.X',
        ]),
  ];
  expect(await refused({ publish })).toEqual(publish.map((subject) => `publish ${subject}`).toSorted());
});

test('permissions: who may call whom', async () => {
  const allowed: Record<string, string[]> = {};
  for (const service of serviceNames) {
    const { refused } = await bare(service);
    const subjects = others(service).flatMap((other) =>
      ['Check', 'Configure'].map((method) => `protect.rpc.${other}.v1.${method}`),
    );
    const no = await refused({ publish: subjects });
    allowed[service] = subjects
      .filter((subject) => !no.includes(`publish ${subject}`))
      .map((subject) => subject.replace('protect.rpc.', '').replace('.v1', ''));
  }
  expect(allowed).toEqual({
    daemon: [
      'storage.Check',
      'storage.Configure',
      'network.Check',
      'network.Configure',
      'orchestrator.Check',
      'cri.Check',
    ],
    storage: [],
    network: [],
    orchestrator: ['daemon.Check', 'daemon.Configure', 'storage.Check', 'network.Check', 'cri.Check'],
    cri: ['daemon.Check', 'daemon.Configure', 'network.Check'],
  });
});

test('permissions: an answer is never sent to what is no inbox, whatever the caller asks for', async () => {
  const daemon = await stand.connect('daemon');
  const served = await serveOnBus(daemon, echoRoutes());
  const { link } = await bare('orchestrator');
  const operator = await bare('operator');
  const seen: string[] = [];
  operator.link.subscribe('protect.>', undefined, ({ subject }) => void seen.push(subject));
  await operator.link.flush();
  const reply = `protect.events.zone.${newZoneId()}.ready`;
  link.publish('protect.rpc.daemon.v1.Echo', Buffer.from('"AA=="'), { reply });
  link.publish('$SRV.PING', new Uint8Array(), { reply });
  await link.flush();
  await daemon.flush();
  await operator.link.flush();
  expect(seen).toEqual(['protect.rpc.daemon.v1.Echo']);
  expect(stand.lines.some(({ message }) => message.includes('is dropped'))).toBe(true);
  await served[Symbol.asyncDispose]();
});

test('permissions: the orchestrator learns whether storage is well, but cannot use it', async () => {
  const [storage, orchestrator] = await Promise.all([
    stand.connect('storage'),
    stand.connect('orchestrator'),
  ]);
  await serveOnBus(storage, (router) => {
    router.service(HealthService, { check: () => ({ ready: true }) });
    router.service(StorageService, {});
  });
  const transport = createBusTransport(orchestrator, 'storage', { defaultTimeoutMs: 5_000 });
  await expect(createClient(HealthService, transport).check({})).resolves.toMatchObject({ ready: true });
  await expect(createClient(StorageService, transport).releaseZone({})).rejects.toMatchObject({
    code: Code.PermissionDenied,
  });
});

test('permissions: the operator reads everything and changes nothing', async () => {
  const { refused } = await bare('operator');
  expect(await refused({ subscribe: ['>', 'protect.>', '$JS.EVENT.>'] })).toEqual([]);
  const publish = [
    'protect.rpc.daemon.v1.DestroyZone',
    'protect.stream.daemon.cri.x',
    'protect.events.zone.x.ready',
    'protect.presence.daemon',
    '_INBOX_daemon.storage.x',
    '$JS.API.STREAM.DELETE.PROTECT_EVENTS',
    '$JS.API.STREAM.CREATE.PROTECT_EVENTS',
    '$JS.API.STREAM.PURGE.PROTECT_EVENTS',
  ];
  expect(await refused({ publish })).toEqual(publish.map((subject) => `publish ${subject}`).toSorted());
});

test('permissions: nobody connects without credentials', async () => {
  const { url } = await readServerAddress(stand.paths);
  const options = { url, name: 'test', onEvent: () => {} };
  await expect(connectNats({ ...options, user: 'daemon', password: 'x' })).rejects.toThrow(/uthorization/);
  await expect(connectNats({ ...options, user: '', password: '' })).rejects.toThrow(/uthorization/);
});

test('permissions: who calls by hand is answered in JSON, and may ask after health', async () => {
  const network = await stand.connect('network');
  await serveOnBus(network, (router) => {
    router.service(HealthService, { check: () => ({ ready: true, version: '1.2.3' }) });
  });
  const { link } = await bare('operator');
  const { promise, resolve } = Promise.withResolvers<BusMessage>();
  link.subscribe('_INBOX_operator.*', undefined, resolve);
  link.publish('protect.rpc.network.v1.Check', Buffer.from('{}'), { reply: '_INBOX_operator.byhand' });
  const { data, headers } = await promise;
  expect(JSON.parse(Buffer.from(data).toString())).toMatchObject({ ready: true, version: '1.2.3' });
  expect(headers?.get('content-type')).toBe('application/json');
});

test('permissions: who calls by hand gets an error that micro-service tools understand', async () => {
  const daemon = await stand.connect('daemon');
  const served = await serveOnBus(daemon, echoRoutes());
  const { link } = await bare('cri');
  const answers: BusMessage[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  link.subscribe('_INBOX_cri.>', undefined, (message) => {
    answers.push(message);
    if (answers.length === 2) resolve();
  });
  link.publish('protect.rpc.daemon.v1.Echo', Buffer.from('no JSON'), { reply: '_INBOX_cri.byhand' });
  link.publish('protect.rpc.daemon.v1.Repeat', Buffer.from('"AA=="'), { reply: '_INBOX_cri.byhand' });
  await promise;
  for (const { headers, data } of answers) {
    expect(headers?.get('nats-service-error-code')).toBe('400');
    expect(JSON.parse(Buffer.from(data).toString())).toMatchObject({ code: 'invalid_argument' });
  }
  await served[Symbol.asyncDispose]();
});
