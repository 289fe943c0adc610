import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { statePaths } from '@protect/config/paths';
import type { Check } from '../check.ts';
import { failed, ok, unseen, warning } from '../finding.ts';
import { at, type Host, isForbidden } from '../host.ts';

const name = 'zone kernel';

/** What init and the containers in a zone need of its kernel, by file name of the module. */
const modules = ['overlay', 'squashfs', 'ext4'];

/** The kernels that the daemon has unpacked can mount images and scratch disks. */
export const zoneKernel: Check = {
  name,
  async find(host, signal) {
    const { bootCache } = statePaths(host.state);
    const kernels = await kernelsIn(host, bootCache);
    if (kernels === undefined) return [unseen(name, bootCache)];
    if (kernels.length === 0) {
      return [warning(name, 'none unpacked yet', 'start protect-daemon: it unpacks its default kernel')];
    }
    const lists = await Promise.all(
      kernels.map((kernel) => missingIn(host, join(bootCache, kernel), signal)),
    );
    const missing = new Set(lists.flat());
    if (missing.size === 0) return [ok(name, `${kernels.length} unpacked, with ${modules.join(', ')}`)];
    const remedy = 'give the kernel image these modules, or choose another (--zone-kernel)';
    return [failed(name, `one has no ${[...missing].join(', ')}`, remedy)];
  },
};

async function kernelsIn(host: Host, folder: string): Promise<string[] | undefined> {
  try {
    return (await readdir(at(host, folder))).filter((entry) => entry.startsWith('kernel-'));
  } catch (error) {
    if (isForbidden(error)) return undefined;
    return [];
  }
}

async function missingIn(host: Host, kernel: string, signal: AbortSignal): Promise<string[]> {
  const files = ['modules/modules.dep', 'modules/modules.builtin'];
  const lists = files.map((file) =>
    host.run('unsquashfs', ['-cat', at(host, join(kernel, 'addons.squashfs')), file], signal),
  );
  const known = (await Promise.all(lists)).map((list) => list?.stdout ?? '').join('\n');
  return modules.filter((module) => !new RegExp(`/${module}\\.ko(\\.[a-z0-9]+)?(:|$)`, 'm').test(known));
}
