import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { ControlService } from '@protect/proto/control';
import type { NetworkReservation } from '@protect/proto/control-common';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { fakePeers } from '../testing/fake-peers.ts';
import { createNetworkReservation } from './create-network-reservation.ts';
import { destroyNetworkReservation } from './destroy-network-reservation.ts';
import { errorInterceptor } from './interceptor.ts';
import { listNetworkReservations } from './list-network-reservations.ts';

const hostUuid = 'aaaaaaaa-0000-4000-8000-000000000001';
const gatewayUuid = '00000000-0000-0000-0000-000000000000';

function connect() {
  const { network, held } = fakePeers();
  const deps = { network, hostUuid };
  const methods = {
    createNetworkReservation: createNetworkReservation(deps),
    destroyNetworkReservation: destroyNetworkReservation(deps),
    listNetworkReservations: listNetworkReservations(deps),
  };
  const transport = createRouterTransport(({ service }) => void service(ControlService, methods), {
    router: { interceptors: [errorInterceptor(pino({ level: 'silent' }))] },
  });
  const client = createClient(ControlService, transport);
  return {
    client,
    held,
    async list() {
      const all: NetworkReservation[] = [];
      for await (const page of client.listNetworkReservations({})) all.push(...page.reservations);
      return all;
    },
  };
}

describe('network reservations', () => {
  it('are made, listed beside those of gateway and host, and destroyed', async () => {
    const { client, list } = connect();
    const { reservation } = await client.createNetworkReservation({});
    expect(reservation).toMatchObject({ ipv4: '10.75.0.9/16', gatewayIpv4: '10.75.0.1' });
    expect(await list()).toMatchObject([
      { uuid: gatewayUuid, ipv4: '10.75.0.1/16', gatewayIpv4: '10.75.0.1' },
      { uuid: hostUuid, ipv4: '10.75.0.2/16', gatewayIpv4: '10.75.0.1' },
      { uuid: reservation?.uuid },
    ]);
    const reservationId = reservation?.uuid.toUpperCase() ?? '';
    await client.destroyNetworkReservation({ reservationId });
    expect(await list()).toHaveLength(2);
    await expect(client.destroyNetworkReservation({ reservationId })).rejects.toMatchObject({
      code: Code.NotFound,
    });
  });

  it('of a zone, the host and the gateway cannot be destroyed', async () => {
    const { client, held } = connect();
    const { reservation } = await client.createNetworkReservation({});
    held.reservations.set(reservation?.uuid ?? '', 'zone-1');
    for (const [reservationId, whose] of [
      [reservation?.uuid ?? '', 'zone-1; destroy that zone first'],
      [hostUuid, 'the host'],
      [gatewayUuid, 'the gateway'],
    ] as const) {
      await expect(client.destroyNetworkReservation({ reservationId })).rejects.toMatchObject({
        code: Code.FailedPrecondition,
        rawMessage: expect.stringContaining(whose),
      });
    }
  });

  it('have UUIDs', async () => {
    const { client } = connect();
    await expect(client.destroyNetworkReservation({ reservationId: 'eth0' })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});
