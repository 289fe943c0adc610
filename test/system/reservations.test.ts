import { Code } from '@connectrpc/connect';
import type { NetworkReservation } from '@protect/proto/control-common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { destroyZone, execute, launchWorkload, launchZone } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

async function reservations(): Promise<Map<string, NetworkReservation>> {
  const all: NetworkReservation[] = [];
  for await (const page of stack.client.listNetworkReservations({})) all.push(...page.reservations);
  return new Map(all.map((reservation) => [reservation.uuid, reservation]));
}

test('a zone retains its addresses, and the next one assumes them', async () => {
  const { client } = stack;
  const first = await launchZone(client, { networkOptions: { retainNetworkReservation: true } });
  const [link] = first.status?.networkStatus?.interfaces ?? [];
  const id = first.id;
  const assume = { networkOptions: { assumeNetworkReservation: id } };
  await expect(client.createZone({ spec: assume })).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringContaining(id),
  });
  await destroyZone(client, first.id);
  expect((await reservations()).get(id)?.mac).toBe(link?.zoneMac);
  const second = await launchZone(client, assume);
  const [assumed] = second.status?.networkStatus?.interfaces ?? [];
  expect(assumed?.zoneMac).toBe(link?.zoneMac);
  expect(assumed?.ips).toEqual(link?.ips);
  expect(second.spec?.networkOptions?.assumeNetworkReservation).toBe(id);
  const address = link?.ips[0]?.address ?? 'none';
  const image = await busyboxImage();
  const workloadId = await launchWorkload(client, second.id, image, ['sleep', '1000']);
  const { stdout } = await execute(client, { workloadId }, ['ip', 'address', 'show', 'dev', 'eth0']);
  expect(stdout).toContain(address);
  expect(stdout).toContain(link?.zoneMac);
  const destroying = client.destroyNetworkReservation({ reservationId: id });
  await expect(destroying).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringContaining(second.id),
  });
  await destroyZone(client, second.id);
  await client.destroyNetworkReservation({ reservationId: id });
  expect([...(await reservations()).keys()]).not.toContain(id);
});

test('a reservation without a zone outlives a restart of protect-network, and is given to nobody else', async () => {
  const { client } = stack;
  const { reservation } = await client.createNetworkReservation({});
  const { hostUuid } = await client.getHostStatus({});
  await stack.services.network.kill9();
  await stack.services.network.restart();
  const listed = await reservations();
  expect([...listed.keys()]).toEqual(expect.arrayContaining([hostUuid, reservation?.uuid]));
  expect(listed.get(reservation?.uuid ?? '')).toEqual(reservation);
  const zone = await launchZone(client);
  const [link] = zone.status?.networkStatus?.interfaces ?? [];
  expect(link?.zoneMac).not.toBe(reservation?.mac);
  expect((await reservations()).get(zone.id)?.mac).toBe(link?.zoneMac);
  await destroyZone(client, zone.id);
  expect([...(await reservations()).keys()]).not.toContain(zone.id);
  await client.destroyNetworkReservation({ reservationId: reservation?.uuid ?? '' });
});
