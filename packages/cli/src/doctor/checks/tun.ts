import type { Check } from '../check.ts';
import { failed, ok } from '../finding.ts';
import { exists, isDom0 } from '../host.ts';

const name = 'tun';

/** The links of QEMU's zones are taps. */
export const tun: Check = {
  name,
  async find(host) {
    if (await exists(host, '/dev/net/tun')) return [ok(name, '/dev/net/tun')];
    if (await isDom0(host)) return [ok(name, 'not needed: Xen makes the links')];
    return [failed(name, 'there is no /dev/net/tun', 'modprobe tun; in a container, hand the device in')];
  },
};
