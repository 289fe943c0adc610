import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareNatsServer } from '@protect/bus/server-config';
import { type ServiceName, type StatePaths, statePaths } from '@protect/config/paths';
import { type HostProcess, type HostProcessSpec, startHostProcess } from './host-process.ts';
import { freeMetricsPort } from './metrics-port.ts';
import { addNetns, netnsName, netnsProcesses, removeNetns } from './netns.ts';
import { endProcess, identifyProcess, isAlive, type ProcessId } from './process-id.ts';
import { reachableState, removeDetour } from './reachable-state.ts';
import { readStackRecord, removeStackRecord, type StackRecord, writeStackRecord } from './stack-record.ts';
import { clearState } from './state-residue.ts';
import { removeZoneCgroups } from './zone-cgroups.ts';
import { zoneProcesses } from './zone-processes.ts';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** In the order in which they are ended: nobody loses the one it calls before its own end. */
const services: readonly ServiceName[] = ['cri', 'orchestrator', 'daemon', 'network', 'storage'];

/** Five services and their bus on one state folder, with a network namespace of their own. */
export interface RunningStack {
  readonly paths: StatePaths;
  readonly netns: string;
  /** Where protect-orchestrator shows its metrics. */
  readonly metricsUrl: string;
  readonly nats: HostProcess;
  readonly services: Readonly<Record<ServiceName, HostProcess>>;
}

export interface TakeUpOptions {
  readonly stateDir: string;
  /** The stack is meant to outlive the process that takes it up. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  /** Told of each process once it is ready. */
  readonly onReady?: (name: string, tookMs: number) => void;
}

/**
 * Starts nats-server and the five services. Every process is recorded before it is waited for, so that
 * `takeDown` finds it whatever happens. On failure the caller takes down what has been started.
 */
export async function takeUp(options: TakeUpOptions): Promise<RunningStack> {
  const root = resolve(options.stateDir);
  mkdirSync(root, { recursive: true });
  // The zones' hypervisors run under their own uids and must reach their folders.
  chmodSync(root, 0o711);
  const netns = netnsName(root);
  const owner = identifyProcess(process.pid);
  if (!owner) throw new Error('/proc is not mounted');
  let record: StackRecord = { netns, owner, keep: options.keep, processes: [] };
  writeStackRecord(root, record);
  const paths = statePaths(await reachableState(root));
  mkdirSync(join(root, 'tmp'), { recursive: true });
  // As open as /tmp: tools that run without privileges use it too.
  chmodSync(join(root, 'tmp'), 0o1777);
  const start = async (spec: HostProcessSpec) => {
    const onStart = (id: ProcessId) => {
      const others = record.processes.filter(({ name }) => name !== spec.name);
      record = { ...record, processes: [...others, { name: spec.name, id }] };
      writeStackRecord(root, record);
    };
    const started = await startHostProcess(spec, { signal: options.signal, onStart });
    options.onReady?.(spec.name, started.startedInMs);
    return started;
  };

  await addNetns(netns);
  await prepareNatsServer(paths);
  const nats = await start(natsServerSpec(paths));
  const metrics = `127.0.0.1:${await freeMetricsPort()}`;
  // Daemon and network make hypervisors and links, and so are told where to make them.
  const inNetns = ['--netns', netns];
  const [daemon, storage, network, orchestrator, cri] = await allOrFirstFailure([
    start(serviceSpec('daemon', paths, inNetns)),
    start(serviceSpec('storage', paths)),
    start(serviceSpec('network', paths, inNetns)),
    start(serviceSpec('orchestrator', paths, ['--metrics-http-listen-addr', metrics])),
    start(serviceSpec('cri', paths)),
  ]);
  return {
    paths,
    netns,
    metricsUrl: `http://${metrics}/metrics`,
    nats,
    services: { daemon, storage, network, orchestrator, cri },
  };
}

/** Whether a stack that is meant to run (or is just being taken up) has this state folder. */
export function stackInUse(stateDir: string): { netns: string; owner: ProcessId; keep: boolean } | undefined {
  const record = readStackRecord(resolve(stateDir));
  if (!record) return undefined;
  const inUse = record.keep ? record.processes.some(({ id }) => isAlive(id)) : isAlive(record.owner);
  return inUse ? record : undefined;
}

/**
 * Ends what the record of this state folder names and frees what the stack held: zones, namespace,
 * mounts, loop devices, files (caches and logs stay). Works whatever state a killed run left behind;
 * returns the names of the services that had to be killed.
 */
export async function takeDown(stateDir: string): Promise<readonly string[]> {
  const root = resolve(stateDir);
  if (!existsSync(root)) return [];
  const record = readStackRecord(root);
  const killed: string[] = [];
  for (const name of [...services, 'nats-server']) {
    const id = record?.processes.find((process) => process.name === name)?.id;
    if (id && (await endProcess(id, 12_000)) === 'killed') killed.push(name);
  }
  // Zones outlive the daemon. Whoever lives in our namespace is ours: its name is our folder's hash.
  for (const process of await netnsProcesses(netnsName(root))) await endProcess(process, 1_000);
  for (const process of zoneProcesses(statePaths(root).zones)) await endProcess(process, 1_000);
  await removeNetns(netnsName(root));
  removeZoneCgroups(statePaths(root).zones);
  await removeDetour(root);
  await clearState(root);
  removeStackRecord(root);
  return killed;
}

function natsServerSpec(paths: StatePaths): HostProcessSpec {
  return {
    name: 'nats-server',
    file: 'nats-server',
    args: ['--config', paths.natsServerConfig],
    env: serviceEnvironment(paths),
    logPath: paths.log('nats-server'),
    isReadyLine: (line) => line.includes('Server is ready'),
  };
}

function serviceSpec(name: ServiceName, paths: StatePaths, flags: readonly string[] = []): HostProcessSpec {
  return {
    name,
    file: join(projectRoot, 'services', name, 'bin', `protect-${name}`),
    args: ['--state', paths.root, ...flags],
    env: serviceEnvironment(paths),
    logPath: paths.log(name),
    isReadyLine: (line) => line.includes('"msg":"ready"'),
  };
}

/** What a unit would give them; nothing of npm's, Vitest's or the caller's. */
function serviceEnvironment(paths: StatePaths): NodeJS.ProcessEnv {
  const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: searchPath, HOME: '/root', LANG: 'C.UTF-8', TMPDIR: join(paths.root, 'tmp') };
}

/** Like Promise.all, but waits until no start is under way any more, so that a clean-up sees them all. */
async function allOrFirstFailure<T extends readonly Promise<unknown>[]>(starts: readonly [...T]) {
  await Promise.allSettled(starts);
  return Promise.all(starts);
}
