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
      const tried = parseRecord(record ?? '{}');
      if (tried === undefined || release === undefined || !tried.key.startsWith(`${release} `)) {
        return [ok(name, '/dev/kvm is there; protect-daemon tries a zone kernel under it when it starts')];
      }
      if (tried.acceleration === 'kvm') return [ok(name, 'KVM: a zone kernel has booted under it')];
      return [warning(name, 'emulation: /dev/kvm is there, but no zone kernel boots under it', noKvm)];
    } catch (error) {
      if (isForbidden(error)) return [unseen(name, 'whether a zone kernel boots under /dev/kvm')];
      throw error;
    }
  },
};

/** What the daemon found out, and of which kernel of the host; undefined when it is no such record. */
function parseRecord(text: string): { key: string; acceleration: string } | undefined {
  const record: unknown = JSON.parse(text);
  if (typeof record !== 'object' || record === null) return undefined;
  if (!('key' in record) || typeof record.key !== 'string') return undefined;
  if (!('acceleration' in record) || typeof record.acceleration !== 'string') return undefined;
  return { key: record.key, acceleration: record.acceleration };
}
