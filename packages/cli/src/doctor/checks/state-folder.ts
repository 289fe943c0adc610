import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Check } from '../check.ts';
import { type Finding, failed, ok, warning } from '../finding.ts';
import { at, exists, type Host, nearestExisting, readText } from '../host.ts';
import { mountOf } from '../mounts.ts';

const name = 'state folder';

/** File systems without the locks that databases need. */
const remote = /^(nfs4?|cifs|smb3|9p|fuse\..*|virtiofs)$/;
const volatile = /^(tmpfs|ramfs)$/;

/** A file system that keeps databases and device nodes, in folders that hypervisors can reach. */
export const stateFolder: Check = {
  name,
  async find(host) {
    const folder = await nearestExisting(host, host.state);
    const mount = mountOf((await readText(host, '/proc/self/mountinfo')) ?? '', folder);
    if (mount === undefined) throw new Error('/proc/self/mountinfo does not tell its file system');
    const { fileSystem, options, mountPoint } = mount;
    const flags = ['ro', 'nodev', 'noexec'].filter((flag) => options.includes(flag));
    const isThere = folder === host.state ? '' : ', made at the first start';
    const detail = `${host.state} on ${[fileSystem, ...flags].join(', ')} (${mountPoint})${isThere}`;
    const wrong = mistakeIn(fileSystem, flags, mountPoint);
    return [wrong?.(detail) ?? (await reachable(host, folder, detail))];
  },
};

function mistakeIn(
  fileSystem: string,
  flags: readonly string[],
  mountPoint: string,
): ((detail: string) => Finding) | undefined {
  const remount = (flag: string) => `mount ${mountPoint} without ${flag}, or use another folder (--state)`;
  if (flags.includes('ro')) return (detail) => failed(name, detail, remount('ro'));
  if (remote.test(fileSystem)) {
    return (detail) =>
      failed(name, detail, 'use a folder on a local disk (--state): databases need its locks');
  }
  // Zones' disks are device nodes below it.
  if (flags.includes('nodev')) return (detail) => failed(name, detail, remount('nodev'));
  if (flags.includes('noexec')) return (detail) => warning(name, detail, remount('noexec'));
  if (volatile.test(fileSystem)) {
    return (detail) =>
      warning(name, detail, 'use a folder on a disk (--state): this one is lost at a reboot');
  }
  return undefined;
}

/** Each zone's hypervisor runs under a user of its own, which has to pass through every folder above. */
async function reachable(host: Host, folder: string, detail: string): Promise<Finding> {
  for (let above = folder; above !== '/'; above = dirname(above)) {
    const { mode } = await stat(at(host, above));
    if ((mode & 0o001) !== 0) continue;
    const remedy = `chmod o+x ${above}: the hypervisors of zones run as users of their own`;
    return (await exists(host, host.state))
      ? warning(name, `${detail}, behind ${above}`, remedy)
      : ok(name, detail);
  }
  return ok(name, detail);
}
