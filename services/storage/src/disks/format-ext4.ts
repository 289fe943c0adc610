import { runTool } from '@protect/service/run-tool';

/** mkfs writes little, but a busy disk may take its time. */
const formatTimeoutMs = 120_000;

/** mke2fs holds the metadata of the largest filesystems in well under this. */
const memoryLimitBytes = 1 << 30;

/** What is to be formatted. */
export interface FormatTarget {
  /** File or device node that belongs to `uid`. */
  readonly path: string;
  readonly kind: 'file' | 'device';
  readonly uid: number;
}

/**
 * Puts an empty ext4 on a scratch disk. It has no journal, since its content never outlives the zone, and
 * no discard, since a fresh file is sparse already. Refuses devices that are in use.
 */
export async function formatExt4(target: FormatTarget, signal: AbortSignal): Promise<void> {
  await runTool('bwrap', formatArguments(target), { signal, timeoutMs: formatTimeoutMs });
}

/**
 * The sandbox: /usr read-only, the disk and nothing else, no network, the zone's user. Root makes the mounts,
 * so it works where unprivileged user namespaces are switched off.
 */
export function formatArguments({ path, kind, uid }: FormatTarget): string[] {
  return [
    ...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--die-with-parent', '--new-session', '--clearenv', '--setenv', 'PATH', '/usr/sbin:/usr/bin'],
    ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/sbin', '/sbin'],
    ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
    ...[kind === 'device' ? '--dev-bind' : '--bind', path, '/disk', '--chdir', '/'],
    ...[
      '--cap-drop',
      'ALL',
      '--cap-add',
      'CAP_SETUID',
      '--cap-add',
      'CAP_SETGID',
      '--cap-add',
      'CAP_SETPCAP',
    ],
    ...['--', 'prlimit', `--as=${memoryLimitBytes}`, '--nofile=64', '--core=0'],
    ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--no-new-privs'],
    ...['--bounding-set=-all', '--inh-caps=-all', '--'],
    ...['mkfs.ext4', '-q', '-F', '-m', '0', '-O', '^has_journal,^resize_inode'],
    ...['-E', 'lazy_itable_init=1,nodiscard,root_owner=0:0', '/disk'],
  ];
}
