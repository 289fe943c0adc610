import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ZoneId } from '@protect/config/ids';
import type { Logger } from 'pino';

const defaultRoot = '/sys/fs/cgroup';
const folder = 'protect-zones';

/** Times that removing a group is tried; the kernel needs a moment after the last process. */
const removeAttempts = 50;
const removePauseMs = 20;

/** The most that one zone's QEMU may use of the host. */
export interface ProcessLimits {
  readonly memoryBytes: number;
  readonly processes: number;
}

interface Group {
  readonly path: string;
  /** File and value of each limit. */
  readonly limits: readonly (readonly [string, string])[];
}

async function isUnified(root: string): Promise<boolean> {
  try {
    await readFile(join(root, 'cgroup.controllers'));
    return true;
  } catch {
    return false;
  }
}

function groupsOf(root: string, unified: boolean, zoneId: ZoneId, limits: ProcessLimits): Group[] {
  const memory = String(limits.memoryBytes);
  const processes = String(limits.processes);
  if (unified) {
    const path = join(root, folder, zoneId);
    return [
      {
        path,
        limits: [
          ['memory.max', memory],
          ['pids.max', processes],
        ],
      },
    ];
  }
  return [
    { path: join(root, 'memory', folder, zoneId), limits: [['memory.limit_in_bytes', memory]] },
    { path: join(root, 'pids', folder, zoneId), limits: [['pids.max', processes]] },
    // No limit: the group alone makes all zones together one competitor of the host's own processes.
    { path: join(root, 'cpu', folder, zoneId), limits: [] },
  ];
}

/**
 * Puts a process into the control groups of its zone, as far as this host has any; a group that
 * cannot be made is a warning, since a container may not own its groups. Returns the folders made.
 */
export async function confineProcess(
  zoneId: ZoneId,
  pid: number,
  limits: ProcessLimits,
  logger: Logger,
  root: string = defaultRoot,
): Promise<string[]> {
  const unified = await isUnified(root);
  const made: string[] = [];
  for (const group of groupsOf(root, unified, zoneId, limits)) {
    try {
      await mkdir(group.path, { recursive: true });
      made.push(group.path);
      if (unified) await writeFile(join(root, folder, 'cgroup.subtree_control'), '+cpu +memory +pids');
      for (const [file, value] of group.limits) await writeFile(join(group.path, file), value);
      await writeFile(join(group.path, 'cgroup.procs'), String(pid));
    } catch (error) {
      logger.warn(
        { err: error, zone: zoneId, cgroup: group.path },
        'the zone runs without this control group',
      );
    }
  }
  return made;
}

/** Files that bound the memory of a group, in either hierarchy; a group of another kind has neither. */
const memoryLimitFiles = ['memory.max', 'memory.limit_in_bytes'];

/** Gives the groups of a zone another bound; one that cannot be is a warning, as when they are made. */
export async function limitMemory(paths: readonly string[], bytes: number, logger: Logger): Promise<void> {
  const files = paths.flatMap((path) => memoryLimitFiles.map((file) => join(path, file)));
  for (const file of files.filter((one) => existsSync(one))) {
    try {
      await writeFile(file, String(bytes));
    } catch (error) {
      logger.warn(
        { err: error, file, bytes },
        'the memory of a zone keeps another bound than it should have',
      );
    }
  }
}

/** Removes the folders of control groups whose process has ended. */
export async function removeGroups(paths: readonly string[], logger: Logger): Promise<void> {
  for (const path of paths) {
    for (let attempt = 1; ; attempt++) {
      try {
        await rmdir(path);
        break;
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'ENOENT') break;
        if (code !== 'EBUSY' || attempt === removeAttempts) {
          logger.warn({ err: error, cgroup: path }, 'a control group could not be removed');
          break;
        }
        await delay(removePauseMs);
      }
    }
  }
}
