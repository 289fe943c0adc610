import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, createClient } from '@connectrpc/connect';
import { connectBus } from '@protect/bus/connection';
import { prepareNatsServer } from '@protect/bus/server-config';
import { startNatsServer } from '@protect/bus/server-process';
import { createBusTransport } from '@protect/bus/transport';
import { newZoneId } from '@protect/config/ids';
import { statePaths } from '@protect/config/paths';
import { HealthService } from '@protect/proto/health';
import { StorageService } from '@protect/proto/storage';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { launchService } from '../../../packages/service/test/launch-service.ts';

const launcher = join(import.meta.dirname, '..', 'bin', 'protect-storage');
const logger = pino({ level: 'silent' });

test('protect-storage: serves over NATS, and goes on with its state after kill -9', async () => {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'protect-storage-service-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const paths = statePaths(folder);
  await prepareNatsServer(paths);
  const nats = await startNatsServer(paths);
  undo.defer(() => nats.stop());
  const bus = await connectBus(paths, 'daemon', { signal: AbortSignal.timeout(20_000), logger });
  undo.defer(() => bus.close());
  const transport = createBusTransport(bus, 'storage', { defaultTimeoutMs: 20_000 });
  const storage = createClient(StorageService, transport);
  const health = createClient(HealthService, transport);

  const zoneId = newZoneId();
  const prepare = { zoneId, generation: 1n, uid: 200_001 };
  await expect(storage.prepareZone(prepare)).rejects.toMatchObject({ code: Code.Unavailable });

  const first = undo.use(await launchService(launcher, ['--state', folder]));
  expect((await health.check({})).checks).toContainEqual(
    expect.objectContaining({ name: 'configured', ok: false }),
  );
  await expect(storage.prepareZone(prepare)).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await storage.configure({ revision: 1n });
  const scratch = { case: 'scratchImageBytes', value: 1n << 26n } as const;
  const prepared = await storage.prepareZone({ ...prepare, scratch });
  await mkdir(paths.imageCache, { recursive: true });
  const image = join(paths.imageCache, 'image');
  await writeFile(image, 'squashfs', { mode: 0o444 });
  const source = { case: 'imagePath', value: image } as const;
  const disk = { zoneId, generation: 1n, serial: 'image', readOnly: true, source };
  const provided = await storage.provideDisk(disk);
  await first.end('SIGKILL');

  const second = undo.use(await launchService(launcher, ['--state', folder]));
  expect((await health.check({})).ready).toBe(true);
  expect(await storage.prepareZone({ ...prepare, scratch })).toEqual(prepared);
  expect(await storage.provideDisk(disk)).toEqual(provided);
  await expect(storage.provideDisk({ ...disk, generation: 0n })).rejects.toMatchObject({
    code: Code.InvalidArgument,
  });
  await storage.configure({ revision: 2n, zones: [{ zoneId, generation: 1n, diskSerials: [] }] });
  expect(await readdir(paths.zoneDisks(zoneId))).toEqual(['scratch.1']);
  await storage.releaseZone({ zoneId });
  expect(await readdir(paths.zones)).toEqual([]);
  expect(await second.end('SIGTERM')).toBe(0);
});
