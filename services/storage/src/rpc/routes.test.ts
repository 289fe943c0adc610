import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import { StorageService } from '@protect/proto/storage';
import { expect, test } from 'vitest';
import type { ProvidedDisk } from '../zone-record.ts';
import type { Zones } from '../zones.ts';
import { storageRoutes } from './routes.ts';

const zoneId = newZoneId();
const disk: ProvidedDisk = { serial: 'a', path: '/p', sizeBytes: 7n, readOnly: true, origin: '/o' };

/** The service in front of a domain that only writes down what it is asked for. */
function connect() {
  const calls: unknown[] = [];
  const zones: Zones = {
    configured: () => true,
    async configure(...request) {
      calls.push(request);
    },
    async prepare(request) {
      calls.push(request);
      return request.scratch === undefined ? undefined : disk;
    },
    async provide(request) {
      calls.push(request);
      return disk;
    },
    async withdraw(request) {
      calls.push(request);
    },
    async release(id) {
      calls.push(id);
    },
  };
  return { calls, client: createClient(StorageService, createRouterTransport(storageRoutes(zones))) };
}

test('rpc: requests reach the domain in its own terms', async () => {
  const { calls, client } = connect();
  await client.configure({
    revision: 2n,
    blockDevices: [{ name: 'fast', path: '/dev/sdb' }],
    zones: [{ zoneId, generation: 3n, diskSerials: ['a'] }],
  });
  const bytes = { case: 'scratchImageBytes', value: 1n << 30n } as const;
  const prepared = await client.prepareZone({ zoneId, generation: 3n, uid: 200_001, scratch: bytes });
  expect(prepared.scratch).toMatchObject(disk);
  const source = { case: 'devicePath', value: '/dev/sdc' } as const;
  expect((await client.provideDisk({ zoneId, generation: 3n, serial: 'a', source })).disk).toMatchObject(
    disk,
  );
  await client.withdrawDisk({ zoneId, generation: 3n, serial: 'a' });
  await client.releaseZone({ zoneId });
  expect(calls).toEqual([
    [
      { revision: 2n, blockDevices: new Map([['fast', '/dev/sdb']]) },
      [{ zoneId, generation: 3n, serials: new Set(['a']) }],
    ],
    { zoneId, generation: 3n, uid: 200_001, scratch: { kind: 'file', sizeBytes: 1n << 30n } },
    { zoneId, generation: 3n, serial: 'a', readOnly: false, source: { kind: 'device', path: '/dev/sdc' } },
    { zoneId, generation: 3n, serial: 'a' },
    zoneId,
  ]);
});

test('rpc: a malformed request is INVALID_ARGUMENT, says which field, and reaches nobody', async () => {
  const { calls, client } = connect();
  const image = { case: 'imagePath', value: '/cache/image' } as const;
  const good = { zoneId, generation: 1n, serial: 'a', readOnly: true, source: image };
  const prepare = { zoneId, generation: 1n, uid: 200_001 };
  const refusals: [string, () => Promise<unknown>][] = [
    ['zone_id', () => client.releaseZone({ zoneId: '../etc' })],
    ['zone_id', () => client.releaseZone({ zoneId: zoneId.toUpperCase() })],
    ['generation', () => client.prepareZone({ ...prepare, generation: 0n })],
    ['uid', () => client.prepareZone({ ...prepare, uid: 0 })],
    [
      'scratch_image_bytes',
      () => client.prepareZone({ ...prepare, scratch: { case: 'scratchImageBytes', value: 4097n } }),
    ],
    [
      'scratch_image_bytes',
      () => client.prepareZone({ ...prepare, scratch: { case: 'scratchImageBytes', value: 1n << 60n } }),
    ],
    [
      'scratch_block_device',
      () => client.prepareZone({ ...prepare, scratch: { case: 'scratchBlockDevice', value: '' } }),
    ],
    ['serial', () => client.provideDisk({ ...good, serial: '' })],
    ['serial', () => client.provideDisk({ ...good, serial: '../a' })],
    ['serial', () => client.provideDisk({ ...good, serial: 'a'.repeat(21) })],
    ['serial', () => client.provideDisk({ ...good, serial: 'scratch' })],
    ['source', () => client.provideDisk({ ...good, source: { case: undefined } })],
    ['image_path', () => client.provideDisk({ ...good, source: { case: 'imagePath', value: 'image' } })],
    ['image_path', () => client.provideDisk({ ...good, source: { case: 'imagePath', value: '/a\0b' } })],
    ['read_only', () => client.provideDisk({ ...good, readOnly: false })],
    ['block_devices.path', () => client.configure({ blockDevices: [{ name: 'a', path: 'sdb' }] })],
    ['zone_id', () => client.configure({ zones: [{ zoneId: 'x', generation: 1n }] })],
  ];
  for (const [field, attempt] of refusals) {
    await expect(attempt(), field).rejects.toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: expect.stringContaining(field),
    });
  }
  expect(calls).toEqual([]);
});
