import { execFileSync } from 'node:child_process';
import { type LayoutEntry, type WrittenLayout, writeLayout } from '../../packages/oci/src/layout-writer.ts';

/** Where Debian's busybox-static puts its program. */
const busyboxPath = '/bin/busybox';

const directories = [
  'bin',
  'dev',
  'etc',
  'home',
  'proc',
  'root',
  'sbin',
  'sys',
  'usr',
  'usr/bin',
  'usr/sbin',
  'var',
];

/** Symbolic links would do for a shell; these go where scripts call their interpreter. */
const extraLinks = ['usr/bin/env', 'sbin/ip'];

const accounts = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n' +
    'user:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  group: 'root:x:0:\ndaemon:x:1:\ntty:x:5:\nvideo:x:44:user\nuser:x:1000:\nnogroup:x:65534:\n',
};

/** Writes an OCI layout with busybox, a link for each of its applets, and a few accounts; tag `latest`. */
export async function buildBusyboxImage(directory: string): Promise<WrittenLayout> {
  const applets = execFileSync(busyboxPath, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  const links = [...applets.filter((name) => name !== 'busybox').map((name) => `bin/${name}`), ...extraLinks];
  const entries: LayoutEntry[] = [
    ...directories.map((path) => ({ type: 'directory' as const, path })),
    { type: 'directory', path: 'tmp', mode: 0o1777 },
    { type: 'directory', path: 'home/user', uid: 1000, gid: 1000 },
    { type: 'file', path: 'bin/busybox', mode: 0o755, source: { path: busyboxPath } },
    ...links.map((path) => ({ type: 'symlink' as const, path, target: '/bin/busybox' })),
    ...Object.entries(accounts).map(([name, content]): LayoutEntry => {
      return { type: 'file', path: `etc/${name}`, source: { bytes: Buffer.from(content) } };
    }),
  ];
  return await writeLayout(directory, {
    layers: [entries],
    compression: 'gzip',
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Cmd: ['/bin/sh'],
      WorkingDir: '/',
    },
  });
}
