import { execFile } from 'node:child_process';
import { access, constants, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** How a program ended, and what it said. */
export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The host that is looked at. */
export interface Host {
  /** Folder that stands for the root of the file system. */
  readonly root: string;
  /** The state folder, as a path on the host. */
  readonly state: string;
  readonly isRoot: boolean;
  /** Bytes that may still be written at a path. */
  freeBytes(path: string): Promise<number>;
  /** Runs a program of the host; undefined when it cannot be started or does not end in time. */
  run(file: string, args: readonly string[], signal: AbortSignal): Promise<ToolResult | undefined>;
  /** Version of the daemon, by a call over its socket. */
  daemonVersion(signal: AbortSignal): Promise<string>;
}

/** Where the services look for programs, whatever the user's own PATH is. */
export const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const toolMs = 5_000;

/** This host. */
export function thisHost(state: string, daemonVersion: Host['daemonVersion']): Host {
  return {
    root: '/',
    state,
    isRoot: process.getuid?.() === 0,
    daemonVersion,
    async freeBytes(path) {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    },
    run: (file, args, signal) =>
      new Promise((resolve) => {
        const options = { signal, timeout: toolMs, env: { PATH: searchPath, LANG: 'C' } };
        execFile(file, args, options, (error, stdout, stderr) => {
          if (error === null) resolve({ exitCode: 0, stdout, stderr });
          else resolve(typeof error.code === 'number' ? { exitCode: error.code, stdout, stderr } : undefined);
        });
      }),
  };
}

/** Where a path of the host really is. */
export function at(host: Pick<Host, 'root'>, path: string): string {
  return join(host.root, path);
}

/** The text of a file of the host; undefined when there is none. Throws when it may not be read. */
export async function readText(host: Host, path: string): Promise<string | undefined> {
  return await readFile(at(host, path), 'utf8').catch(absent);
}

export async function exists(host: Host, path: string): Promise<boolean> {
  return (await stat(at(host, path)).catch(absent)) !== undefined;
}

/** Whether a daemon has ever started on this state folder. */
export async function wasStarted(host: Host): Promise<boolean> {
  return await exists(host, join(host.state, 'daemon.toml')).catch(() => true);
}

/** True in the domain that controls Xen. */
export async function isDom0(host: Host): Promise<boolean> {
  const capabilities = await readText(host, '/proc/xen/capabilities').catch(() => undefined);
  return capabilities?.split(/\s+/).includes('control_d') === true;
}

/** The path itself, or the nearest folder above it that exists. */
export async function nearestExisting(host: Host, path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (folder === '/' || (await exists(host, folder).catch(() => false))) return folder;
  }
}

/** Where one of the folders has a program of this name. */
export async function findProgram(
  host: Host,
  name: string,
  folders: readonly string[] = searchPath.split(':'),
): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    const isThere = await access(at(host, path), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** Whether an error says that this user may not look. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
