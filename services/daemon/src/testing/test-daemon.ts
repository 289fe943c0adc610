import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DaemonConfig } from '@protect/config/daemon-config';
import { parseDaemonConfig } from '@protect/config/daemon-config';
import { statePaths } from '@protect/config/paths';
import type { Database, Row, Statement } from '@protect/service/database';
import { pino } from 'pino';
import { createZoneMetrics } from '../metrics/zone-metrics.ts';
import { keepFolderRecords } from '../state/folder-records.ts';
import { openState, type State } from '../state/state.ts';
import { Workloads } from '../workloads/workloads.ts';
import { createBootImages } from '../zones/boot-images.ts';
import { createPendingRecords } from '../zones/pending-records.ts';
import { createResizer, type Resizer } from '../zones/resizer.ts';
import { ZoneSupervisor } from '../zones/supervisor.ts';
import { Zones } from '../zones/zones.ts';
import { type Answer, fakeHypervisor, fakeLink } from './fake-machines.ts';
import { fakePeers } from './fake-peers.ts';

/** Rows that outlive a daemon under test. */
export interface MemoryDatabase extends Pick<Database, 'read' | 'transaction'> {
  /** Remembers the rows as they are; the answer puts them back, as if all later commits were lost. */
  save(): () => void;
}

export function memoryDatabase(): MemoryDatabase {
  const tables = { zones: new Map<string, string>(), workloads: new Map<string, string>() };
  const apply = ({ sql, params }: Statement): void => {
    const table = sql.includes('zones') ? tables.zones : tables.workloads;
    if (sql.includes('outbox') || sql.includes('meta')) return;
    const texts = params.map(String);
    if (sql.startsWith('INSERT')) table.set(texts[0] ?? '', texts[2] ?? '');
    else if (sql.startsWith('UPDATE')) table.set(texts[1] ?? '', texts[0] ?? '');
    else if (sql.startsWith('DELETE')) table.delete(texts[0] ?? '');
  };
  return {
    save() {
      const saved = { zones: [...tables.zones], workloads: [...tables.workloads] };
      return () => {
        tables.zones = new Map(saved.zones);
        tables.workloads = new Map(saved.workloads);
      };
    },
    async read(sql): Promise<Row[]> {
      if (!sql.startsWith('SELECT record')) return [];
      const table = sql.includes('FROM zones') ? tables.zones : tables.workloads;
      return [...table.values()].map((record) => ({ record }));
    },
    async transaction(statements) {
      statements.forEach(apply);
      return [];
    },
  };
}

/** A host on which daemons of the test start and end. */
export async function testHost() {
  const folder = await mkdtemp(join(tmpdir(), 'daemon-'));
  const paths = statePaths(folder);
  const database = memoryDatabase();
  const machines = fakeHypervisor();
  const peers = fakePeers();
  const config: DaemonConfig = parseDaemonConfig('', 'daemon.toml');
  const logger = pino({ level: 'silent' });
  let answer: Answer | undefined;

  return {
    paths,
    database,
    machines,
    peers,
    config,
    logger,
    answerWith: (how: Answer) => {
      answer = how;
    },
    /** A daemon on this host; disposing of it is its orderly end. */
    async daemon() {
      const state = await openState(database);
      const records = keepFolderRecords({ state, paths, logger });
      const running = new Set<Promise<unknown>>();
      const failures: unknown[] = [];
      const background = (_name: string, work: Promise<unknown>) => {
        const tracked = work.catch((error: unknown) => failures.push(error));
        running.add(tracked);
        void tracked.then(() => running.delete(tracked));
      };
      const bootImages = createBootImages({
        kernelReference: 'oci:/kernel',
        initrdReference: 'oci:/initrd',
        cacheKernel: true,
        cacheInitrd: true,
        unpackKernel: async () => ({
          digest: 'sha256:k',
          kernelPath: '/k',
          addonsPath: '/addons',
          metadata: {},
        }),
        unpackInitrd: async () => ({ digest: 'sha256:i', initrdPath: '/i' }),
        findStored: async () => undefined,
      });
      const images = { find: async () => Promise.reject(new Error('no images in this test')) };
      const { hypervisor } = machines;
      const { storage, network } = peers;
      const workloads: Workloads = new Workloads({
        state,
        records,
        paths,
        storage,
        images,
        limits: config.runtime.limits,
        logger,
        background,
        zones: {
          whenReady: (...args) => supervisor.whenReady(...args),
          running: (...args) => supervisor.running(...args),
          makeRoom: (...args) => resizer.makeRoom(...args),
        },
      });
      const hostMemory = async () => ({ totalMib: 8192, availableMib: 4096 });
      const pending = createPendingRecords(state);
      const resizer: Resizer = createResizer({
        state,
        hypervisor,
        zones: {
          whenReady: (...args) => supervisor.whenReady(...args),
          running: (...args) => supervisor.running(...args),
        },
        pending,
        hostMemory,
        hostCpus: 4,
        logger,
      });
      const deps = {
        state,
        records,
        paths,
        config,
        hypervisor,
        storage,
        network,
        bootImages,
        images,
        logger,
        background,
        resizer,
        openLink: ({ zoneId }: { zoneId: Parameters<typeof machines.machines.get>[0] }) => {
          const machine = machines.machines.get(zoneId);
          if (machine === undefined) throw new Error('no machine');
          return fakeLink(machine, answer);
        },
      };
      const supervisor: ZoneSupervisor = new ZoneSupervisor(deps, workloads);
      const zones = new Zones({ ...deps, supervisor, pending, hostMemory, hostCpus: 4 });
      return {
        state,
        deps,
        workloads,
        supervisor,
        zones,
        zoneMetrics: createZoneMetrics({ zones, supervisor, logger }),
        failures,
        async [Symbol.asyncDispose]() {
          await supervisor[Symbol.asyncDispose]();
          await workloads[Symbol.asyncDispose]();
          await Promise.all(running);
          await records[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type TestHost = Awaited<ReturnType<typeof testHost>>;
export type TestDaemon = Awaited<ReturnType<TestHost['daemon']>>;

/** The states that an object goes through from now on. */
export function recordStates(state: State): string[] {
  const states: string[] = [];
  state.onChange(({ kind, record }) => {
    const text = `${kind} ${record.status.state}`;
    if (states.at(-1) !== text) states.push(text);
  });
  return states;
}
