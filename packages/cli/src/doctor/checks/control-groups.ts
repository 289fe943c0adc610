import type { Check } from '../check.ts';
import { ok, warning } from '../finding.ts';
import { exists, readText } from '../host.ts';

const name = 'control groups';
const wanted = ['cpu', 'memory', 'pids'];

/** What keeps one zone's hypervisor from taking the whole host. */
export const controlGroups: Check = {
  name,
  async find(host) {
    const unified = await readText(host, '/sys/fs/cgroup/cgroup.controllers');
    const controllers = unified?.trim().split(/\s+/);
    const present = await Promise.all(
      wanted.map(
        (controller) => controllers?.includes(controller) ?? exists(host, `/sys/fs/cgroup/${controller}`),
      ),
    );
    const missing = wanted.filter((_, index) => !present[index]);
    const version = unified === undefined ? 'version 1' : 'version 2';
    if (missing.length === 0) return [ok(name, `${version} with ${wanted.join(', ')}`)];
    const remedy =
      'mount them (or boot with cgroup_enable=memory); without, a zone’s use of the host is not limited';
    return [warning(name, `${version} without ${missing.join(', ')}`, remedy)];
  },
};
