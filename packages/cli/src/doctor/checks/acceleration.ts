import { join } from 'node:path';
import { statePaths } from '@protect/config/paths';
import type { Check } from '../check.ts';
import { ok, unseen, warning } from '../finding.ts';
import { exists, isDom0, isForbidden, readText } from '../host.ts';

const name = 'acceleration';
const noKvm =
  'run it on hardware, or on a virtual machine that hands virtualisation on; emulated zones are slow';

/** KVM, if a zone kernel has booted under it: the device alone proves nothing. */
export const acceleration: Check = {
  name,
  async find(host) {
    if (await isDom0(host)) return [ok(name, 'Xen')];
    if (!(await exists(host, '/dev/kvm'))) {
      return [
        warning(name, 'emulation: there is no /dev/kvm', `modprobe kvm_intel or kvm_amd; else ${noKvm}`),
      ];
    }
    try {
      const record = await readText(host, join(statePaths(host.state).bootCache, 'acceleration.json'));
      const release = (await readText(host, '/proc/sys/kernel/osrelease'))?.trim();
      const { key = '', acceleration: found } = JSON.parse(record ?? '{}') as Record<string, string>;
      if (found === undefined || release === undefined || !key.startsWith(`${release} `)) {
        return [ok(name, '/dev/kvm is there; protect-daemon tries a zone kernel under it when it starts')];
      }
      if (found === 'kvm') return [ok(name, 'KVM: a zone kernel has booted under it')];
      return [warning(name, 'emulation: /dev/kvm is there, but no zone kernel boots under it', noKvm)];
    } catch (error) {
      if (isForbidden(error)) return [unseen(name, 'whether a zone kernel boots under /dev/kvm')];
      throw error;
    }
  },
};
