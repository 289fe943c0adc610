import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { StatusRequestSchema } from '@protect/proto/cri';
import { CheckResponseSchema } from '@protect/proto/health';
import { expect, test } from 'vitest';
import { readStatus } from './status.ts';

const healthy = async () => create(CheckResponseSchema, { ready: true });
const absent = async () => {
  throw new ConnectError('protect-network does not listen', Code.Unavailable);
};
const unready = async () =>
  create(CheckResponseSchema, {
    ready: false,
    checks: [
      { name: 'nats', ok: true },
      { name: 'hypervisor', ok: false, message: 'no zone kernel' },
    ],
  });
const request = (verbose: boolean) => create(StatusRequestSchema, { verbose });

test('the runtime and the network are ready when both services are', async () => {
  const reply = await readStatus({ daemon: healthy, network: healthy }, request(false));
  expect(reply.status?.conditions).toMatchObject([
    { type: 'RuntimeReady', status: true, reason: '' },
    { type: 'NetworkReady', status: true, reason: '' },
  ]);
  expect(reply.info).toEqual({});
});

test('a service that does not answer is named, and the other is told for itself', async () => {
  const reply = await readStatus({ daemon: healthy, network: absent }, request(false));
  expect(reply.status?.conditions).toMatchObject([
    { type: 'RuntimeReady', status: true },
    { type: 'NetworkReady', status: false, reason: 'ServiceUnavailable' },
  ]);
  expect(reply.status?.conditions[1]?.message).toMatch(/protect-network does not answer/);
});

test('a service that is not ready says what is missing', async () => {
  const reply = await readStatus({ daemon: unready, network: healthy }, request(true));
  expect(reply.status?.conditions[0]).toMatchObject({
    status: false,
    message: 'protect-daemon is not ready: hypervisor: no zone kernel',
  });
  expect(JSON.parse(reply.info.services ?? '')).toHaveProperty('daemon.status', false);
});
