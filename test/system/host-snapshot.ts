import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseZoneId } from '@protect/config/ids';
import { statePaths } from '@protect/config/paths';
import { runCommand } from '../../scripts/stack/run-command.ts';
import { cgroupRoots } from '../../scripts/stack/zone-cgroups.ts';

/** What a stack could leave behind on the host, each thing named so that a difference explains itself. */
export interface HostSnapshot {
  /** Processes that use the state folder or its namespace, by command line: a restarted service is the same. */
  readonly processes: readonly string[];
  readonly links: readonly string[];
  readonly namespaces: readonly string[];
  readonly mounts: readonly string[];
  readonly loopDevices: readonly string[];
  /** Control groups of zones. */
  readonly cgroups: readonly string[];
  /** Paths below the state folder, which also holds the services' temporary files. */
  readonly files: readonly string[];
}

/** What a running stack changes without leaving anything: databases, the bus' store, logs, caches, the configuration, some folders. */
const changing = /^(db|nats|log|cache)(\/|$)|^(daemon\.toml|zones|tmp|zones\/[^/]+\/workloads)$/;

/** The host as it is now, as far as a stack on `stateDir` could change it. */
export async function snapshotHost(stateDir: string, netns: string): Promise<HostSnapshot> {
  const [links, netnsLinks, loops] = await Promise.all([
    runCommand('ip', ['-br', 'link']),
    runCommand('ip', ['-n', netns, '-br', 'link']).catch(() => ''),
    runCommand('losetup', ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-FILE']),
  ]);
  const linkNames = (text: string, where: string) =>
    lines(text).map((line) => `${where}: ${line.split(/[\s@]/)[0]}`);
  return {
    processes: processesOf(stateDir, netns),
    links: [...linkNames(links, 'host'), ...linkNames(netnsLinks, netns)],
    // Only what is ours by its name: other stacks and tests of this host come and go meanwhile.
    namespaces: list('/run/netns').filter((name) => name === netns),
    mounts: mountPoints().filter((path) => path.includes(stateDir) || path.includes(netns)),
    loopDevices: lines(loops).filter((line) => line.includes(stateDir)),
    cgroups: cgroupsOfOurs(text(statePaths(stateDir).log('daemon'))),
    files: tree(stateDir).filter((path) => !changing.test(path)),
  };
}

/** What is there and was not before, by kind; empty kinds are left out. */
export type LeftBehind = Partial<Record<keyof HostSnapshot, string[]>>;

/** For tools that services run now and then, and that end by themselves. */
const settleMs = 5_000;
const lookAgainMs = 50;

/** What a stack has left on the host since `before`, once it has come to rest. */
export async function leftBehindBy(
  stack: { readonly state: string; readonly netns: string },
  before: HostSnapshot,
): Promise<LeftBehind> {
  const until = performance.now() + settleMs;
  for (;;) {
    const left = difference(before, await snapshotHost(stack.state, stack.netns));
    if (Object.keys(left).length === 0 || performance.now() > until) return left;
    await delay(lookAgainMs);
  }
}

function difference(before: HostSnapshot, after: HostSnapshot): LeftBehind {
  const kinds = Object.keys(after) as (keyof HostSnapshot)[];
  return Object.fromEntries(
    kinds
      .map((kind) => [kind, after[kind].filter((item) => !before[kind].includes(item))] as const)
      .filter(([, items]) => items.length > 0),
  );
}

function processesOf(stateDir: string, netns: string): string[] {
  const inode = netnsInode(netns);
  return list('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      if (inode !== undefined && link(`/proc/${pid}/ns/net`) === inode) return true;
      const paths = [link(`/proc/${pid}/cwd`), link(`/proc/${pid}/root`), ...fds(pid)];
      return (
        text(`/proc/${pid}/cmdline`).includes(stateDir) ||
        paths.some((path) => path?.startsWith(`${stateDir}/`))
      );
    })
    .map((pid) => text(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim());
}

function netnsInode(netns: string): string | undefined {
  const mount = lines(text('/proc/self/mountinfo')).find(
    (line) => line.split(' ')[4] === `/run/netns/${netns}`,
  );
  return mount?.split(' ')[3];
}

function fds(pid: string): (string | undefined)[] {
  return list(`/proc/${pid}/fd`).map((fd) => link(`/proc/${pid}/fd/${fd}`));
}

function mountPoints(): string[] {
  return lines(text('/proc/self/mountinfo')).map((line) => line.split(' ')[4] ?? '');
}

/** Groups of the zones that this stack's daemon has spoken of; other stacks have theirs in the same place. */
function cgroupsOfOurs(daemonLog: string): string[] {
  return cgroupRoots.flatMap((root) =>
    list(root)
      .filter((name) => parseZoneId(name) && daemonLog.includes(name))
      .map((name) => join(root, name)),
  );
}

function tree(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  } catch {
    return [];
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function lines(content: string): string[] {
  return content.split('\n').filter((line) => line !== '');
}
