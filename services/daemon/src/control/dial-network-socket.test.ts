import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import { ControlService, type DialNetworkSocketRequestSchema } from '@protect/proto/control';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { zoneRecordOf } from '../zones/test-zone.ts';
import type { ControlDeps } from './deps.ts';
import { dialNetworkSocket } from './dial-network-socket.ts';
import { errorInterceptor } from './interceptor.ts';

const zone = zoneRecordOf();

/** A daemon whose only zone answers every dial with this error. */
function connect(refusal: ConnectError) {
  const responses = (async function* () {
    throw refusal;
    // biome-ignore lint/correctness/noUnreachable: makes it a generator
    yield;
  })();
  const stream = { responses, grant: () => undefined, send: async () => undefined, close: () => undefined };
  const deps = {
    zones: {
      get(id: string) {
        if (id === zone.id) return zone;
        throw new ConnectError(`there is no zone ${id}`, Code.NotFound);
      },
    },
    supervisor: { whenReady: async () => ({ connection: async () => ({ dial: () => stream }) }) },
    background: () => undefined,
  } as unknown as Pick<ControlDeps, 'zones' | 'supervisor' | 'background'>;
  const transport = createRouterTransport(
    ({ service }) => void service(ControlService, { dialNetworkSocket: dialNetworkSocket(deps) }),
    { router: { interceptors: [errorInterceptor(pino({ level: 'silent' }))] } },
  );
  const client = createClient(ControlService, transport);
  return async (...messages: MessageInitShape<typeof DialNetworkSocketRequestSchema>[]) => {
    async function* requests() {
      yield* messages;
    }
    for await (const _ of client.dialNetworkSocket(requests()));
  };
}

const start = (value: { zoneId?: string; address?: string; port?: number }) => {
  return { request: { case: 'start' as const, value: { zoneId: zone.id, port: 80, ...value } } };
};

describe('DialNetworkSocket', () => {
  it('says which zones cannot be dialled', async () => {
    const dial = connect(new ConnectError('the zone knows no stream of this kind', Code.Unimplemented));
    await expect(dial(start({}))).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: expect.stringContaining('too old'),
    });
  });

  it('passes on why there is no connection', async () => {
    const text = '127.0.0.1 port 80: Connection refused';
    await expect(connect(new ConnectError(text, Code.Unavailable))(start({}))).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: text,
    });
  });

  it.each([
    ['no message', [], Code.InvalidArgument],
    ['data first', [{ request: { case: 'data' as const, value: {} } }], Code.InvalidArgument],
    ['a zone that is not there', [start({ zoneId: newZoneId() })], Code.NotFound],
    ['no zone', [start({ zoneId: '' })], Code.InvalidArgument],
    ['a name for an address', [start({ address: 'localhost' })], Code.InvalidArgument],
    ['no port', [start({ port: 0 })], Code.InvalidArgument],
    ['a port that is none', [start({ port: 65_536 })], Code.InvalidArgument],
  ])('refuses %s', async (_title, messages, code) => {
    await expect(connect(new ConnectError('dialled', Code.Internal))(...messages)).rejects.toMatchObject({
      code,
    });
  });
});
