/** The user and group that tools run as which handle bytes from images: nobody and nogroup. */
export const unprivilegedId = 65534;

/** What a tool may reach and use. */
export interface SandboxOptions {
  /** Folder that the tool may write, seen as /out; it must belong to `unprivilegedId`. */
  readonly output?: string;
  /** File that the tool may read, seen as /in. */
  readonly input?: string;
  /** Seconds of processor time. Default 600. */
  readonly cpuSeconds?: number;
  /** Largest file it may write, in bytes. Default 64 GiB. */
  readonly fileBytes?: number;
  /** Address space, in bytes. Default 4 GiB. */
  readonly memoryBytes?: number;
}

/**
 * The argument vector that runs `tool` as nobody without capabilities or network, seeing /usr read-only and nothing
 * else of the host, with resource limits.
 */
export function sandboxed(tool: readonly string[], options: SandboxOptions): readonly [string, ...string[]] {
  const { cpuSeconds = 600, fileBytes = 64 * 2 ** 30, memoryBytes = 4 * 2 ** 30 } = options;
  const id = String(unprivilegedId);
  return [
    'bwrap',
    ...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
    // Without --as-pid-1 an init process outlives the tool and is left to the host's own init.
    ...['--as-pid-1', '--die-with-parent', '--clearenv', '--setenv', 'PATH', '/usr/bin:/bin'],
    ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/sbin', '/sbin'],
    ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...(options.input === undefined ? [] : ['--ro-bind', options.input, '/in']),
    ...(options.output === undefined ? [] : ['--bind', options.output, '/out']),
    ...['--chdir', '/', '--'],
    ...[
      'prlimit',
      `--cpu=${cpuSeconds}`,
      `--fsize=${fileBytes}`,
      `--as=${memoryBytes}`,
      '--core=0',
      '--nofile=256',
    ],
    ...['setpriv', '--reuid', id, '--regid', id, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'],
    ...['--no-new-privs', '--', ...tool],
  ];
}
