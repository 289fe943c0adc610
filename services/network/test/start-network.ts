import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newZoneId, type ZoneId } from '@protect/config/ids';
import { openDatabase } from '@protect/service/database';
import { pino } from 'pino';
import { parseSubnet } from '../src/addressing/subnet.ts';
import { createKernelLinks } from '../src/links/kernel-links.ts';
import { type Namespace, openNamespace } from '../src/namespace.ts';
import { createPacketFilter } from '../src/policy/packet-filter.ts';
import type { RetainedZone } from '../src/reservation.ts';
import { encodeLink } from '../src/rpc/encode-link.ts';
import { migrations } from '../src/state/migrations.ts';
import { openReservationStore } from '../src/state/reservation-store.ts';
import { createZones, type PrepareZone } from '../src/zones.ts';
import { makeNamespace, type TestNamespace } from './network-namespace.ts';

const logger = pino({ level: 'silent' });
const deadline = () => AbortSignal.timeout(20_000);
const configuration = {
  revision: 1n,
  ipv4: parseSubnet('ipv4', '10.75.0.0/16'),
  ipv6: parseSubnet('ipv6', 'fdd4:1476:6c7e::/48'),
  nameservers: ['1.1.1.1'],
};

/** The service without its bus, on a state folder and a namespace of its own; `restart` is a new process. */
export async function startNetwork() {
  await using undo = new AsyncDisposableStack();
  const namespace = undo.use(makeNamespace());
  const folder = await mkdtemp(join(tmpdir(), 'protect-network-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  let processes = 0;
  const start = async () => {
    const database = await openDatabase(join(folder, 'network.db'), migrations, { logger });
    const target = countingNamespace(await openNamespace(namespace.name), () => {
      processes += 1;
    });
    const zones = createZones({
      store: await openReservationStore(database, () => randomBytes(6)),
      namespace: target,
      links: createKernelLinks(target),
      filter: createPacketFilter(target),
    });
    await zones.resume(deadline());
    return { zones, database };
  };
  let running = await start();
  undo.defer(() => running.database.close());
  const keep = undo.move();
  const prepare = async (zone: Partial<PrepareZone> = {}) => {
    const asked = { zoneId: newZoneId(), generation: 1n, uid: 200_001, kind: 'tap' as const, keep: false };
    const request: PrepareZone = { ...asked, ...zone };
    const reservation = await running.zones.prepare(request, deadline());
    return { ...request, link: encodeLink(reservation, namespace.path, configuration.nameservers) };
  };
  return {
    namespace,
    prepare,
    /** Processes started so far. */
    processes: () => processes,
    attach: (zoneId: ZoneId, hostInterface: string, generation = 1n) =>
      running.zones.attach({ zoneId, generation, hostInterface }, deadline()),
    release: (zoneId: ZoneId) => running.zones.release(zoneId, deadline()),
    zones: () => running.zones,
    configure: (retained: RetainedZone[] = []) =>
      running.zones.configure(configuration, retained, deadline()),
    async restart() {
      await running.database.close();
      running = await start();
    },
    async forget() {
      await running.database.close();
      await rm(join(folder, 'network.db'), { force: true });
      running = await start();
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}

function countingNamespace(namespace: Namespace, count: () => void): Namespace {
  return {
    path: namespace.path,
    ip(...call) {
      count();
      return namespace.ip(...call);
    },
    nft(...call) {
      count();
      return namespace.nft(...call);
    },
    takeIn(...call) {
      count();
      return namespace.takeIn(...call);
    },
    setParameters(...call) {
      count();
      return namespace.setParameters(...call);
    },
  };
}

export function taps(namespace: TestNamespace): string[] {
  return namespace
    .run('ip', '-o', 'link', 'show', 'type', 'tun')
    .split('\n')
    .flatMap((line) => line.match(/: (\S+):/)?.[1] ?? []);
}

export function pings(namespace: TestNamespace, address: string): boolean {
  return namespace.succeeds('busybox', 'ping', '-c', '1', '-W', '2', address);
}

export const plain = (cidr: string) => cidr.replace(/\/.*/, '');
