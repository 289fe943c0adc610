import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { newZoneId } from '@protect/config/ids';
import { type StatePaths, statePaths } from '@protect/config/paths';
import { openDatabase } from '@protect/service/database';
import { pino } from 'pino';
import { migrations } from '../src/state/migrations.ts';
import { openZoneStore } from '../src/state/zone-store.ts';
import type { RetainedZone } from '../src/zone-record.ts';
import { createZones, type PrepareZone, type ProvideDisk, type Zones } from '../src/zones.ts';

const logger = pino({ level: 'silent' });
export const deadline = () => AbortSignal.timeout(30_000);
export const mebibyte = 1024n ** 2n;

/** The service without its bus, on a state folder of its own; `restart` is a new process. */
export interface TestStorage extends AsyncDisposable {
  readonly paths: StatePaths;
  readonly zones: Zones;
  /** Puts a file of the image cache there, as the daemon leaves it. */
  cacheImage(name: string, content?: string): Promise<string>;
  configure(retained?: RetainedZone[], devices?: Record<string, string>): Promise<void>;
  prepare(zone?: Partial<PrepareZone>): Promise<PrepareZone & { scratchPath: string | undefined }>;
  provide(zone: PrepareZone, disk: Partial<ProvideDisk>): ReturnType<Zones['provide']>;
  restart(): Promise<void>;
}

/** `folder` is kept; without it, the state lives in a temporary folder. */
export async function startStorage(folder?: string): Promise<TestStorage> {
  const root = folder ?? (await mkdtemp(join(tmpdir(), 'protect-storage-')));
  await chmod(root, 0o711);
  const paths = statePaths(root);
  await mkdir(paths.imageCache, { recursive: true });
  await mkdir(dirname(paths.database('storage')), { recursive: true });
  const start = async () => {
    const database = await openDatabase(paths.database('storage'), migrations, { logger });
    return { database, zones: createZones({ paths, store: await openZoneStore(database) }) };
  };
  let running = await start();
  return {
    paths,
    get zones() {
      return running.zones;
    },
    async cacheImage(name, content = name) {
      const path = join(paths.imageCache, name);
      await writeFile(path, content, { mode: 0o444 });
      return path;
    },
    configure: (retained = [], devices = {}) =>
      running.zones.configure({ revision: 1n, blockDevices: new Map(Object.entries(devices)) }, retained),
    async prepare(zone = {}) {
      const request = { zoneId: newZoneId(), generation: 1n, uid: 200_001, scratch: undefined, ...zone };
      const scratch = await running.zones.prepare(request, deadline());
      return { ...request, scratchPath: scratch?.path };
    },
    provide: ({ zoneId, generation }, disk) =>
      running.zones.provide(
        { zoneId, generation, serial: 'disk', readOnly: true, source: { kind: 'image', path: '' }, ...disk },
        deadline(),
      ),
    async restart() {
      await running.database.close();
      running = await start();
    },
    async [Symbol.asyncDispose]() {
      await running.database.close();
      if (folder === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

/** Whether a program succeeds as the zone's hypervisor would run it: unprivileged, as that user and group. */
export function succeedsAs(uid: number, file: string, ...args: string[]): boolean {
  const user = [
    `--reuid=${uid}`,
    `--regid=${uid}`,
    '--clear-groups',
    '--bounding-set=-all',
    '--no-new-privs',
  ];
  try {
    execFileSync('setpriv', [...user, '--', file, ...args], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
