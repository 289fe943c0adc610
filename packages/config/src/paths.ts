import { join } from 'node:path';
import type { WorkloadId, ZoneId } from './ids.ts';

/** Where state lives when no `--state` is given. */
export const defaultStateDir = '/var/lib/edera/protect';

/** The processes that have their own NATS credentials, database and log. */
export type ServiceName = 'daemon' | 'storage' | 'network' | 'orchestrator' | 'cri';

/** Every path of one host's state, built from its root; no other module joins paths below it. */
export function statePaths(root: string) {
  const zone = (id: ZoneId) => join(root, 'zones', id);
  const workload = (zoneId: ZoneId, id: WorkloadId) => join(zone(zoneId), 'workloads', id);
  return {
    root,
    daemonToml: join(root, 'daemon.toml'),
    daemonSocket: join(root, 'daemon.socket'),
    criSocket: join(root, 'cri.socket'),
    hostUuid: join(root, 'host.uuid'),
    /** 0700: server.conf, server.json, credentials, the JetStream store. */
    nats: join(root, 'nats'),
    natsServerConfig: join(root, 'nats', 'server.conf'),
    /** Address of the server, written by whoever generated the configuration. */
    natsServerAddress: join(root, 'nats', 'server.json'),
    natsStore: join(root, 'nats', 'jetstream'),
    /** 0600, one NATS user and password. */
    natsCredentials: (user: ServiceName | 'operator' | 'reader') => join(root, 'nats', `${user}.json`),
    /** 0600 SQLite file of one service. */
    database: (service: ServiceName) => join(root, 'db', `${service}.db`),
    /** Standard output of a service that no journal collects. */
    log: (service: ServiceName | 'nats-server') => join(root, 'log', `${service}.log`),
    imageCache: join(root, 'cache', 'image'),
    /** Kernels and ramdisks unpacked for the hypervisor, named by the digest of their image. */
    bootCache: join(root, 'cache', 'boot'),
    zones: join(root, 'zones'),
    /** 0711: everything of one zone. */
    zone,
    /** 0600: all that the daemon's database knows of the zone, for the day that it is lost. */
    zoneRecord: (id: ZoneId) => join(zone(id), 'zone.json'),
    /** 0700 root: the hypervisor's control sockets, out of reach of the hypervisor process itself. */
    zoneControl: (id: ZoneId) => join(zone(id), 'control'),
    /** 0710, root's with the zone's group, so that its hypervisor can enter and not change it: its disks. */
    zoneDisks: (id: ZoneId) => join(zone(id), 'disks'),
    /** 0600, bounded: what the zone's kernel and init printed. */
    zoneConsoleLog: (id: ZoneId) => join(zone(id), 'console.log'),
    workloads: (id: ZoneId) => join(zone(id), 'workloads'),
    workload,
    /** 0600: the same of a workload. */
    workloadRecord: (zoneId: ZoneId, id: WorkloadId) => join(workload(zoneId, id), 'workload.json'),
    /** 0600: what is known of a workload's image, which may leave the cache before it. */
    workloadImage: (zoneId: ZoneId, id: WorkloadId) => join(workload(zoneId, id), 'image.json'),
    /** 0700: segments of one workload's output. */
    workloadOutput: (zoneId: ZoneId, id: WorkloadId) => join(workload(zoneId, id), 'output'),
  };
}

export type StatePaths = ReturnType<typeof statePaths>;
