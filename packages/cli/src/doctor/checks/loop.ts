import type { Check } from '../check.ts';
import { failed, ok } from '../finding.ts';
import { exists, isDom0 } from '../host.ts';

const name = 'loop';

/** Xen attaches disks that are files through loop devices. */
export const loop: Check = {
  name,
  async find(host) {
    if (await exists(host, '/dev/loop-control')) return [ok(name, '/dev/loop-control')];
    if (!(await isDom0(host))) return [ok(name, 'not there, and not needed with QEMU')];
    return [failed(name, 'there is no /dev/loop-control', 'modprobe loop')];
  },
};
