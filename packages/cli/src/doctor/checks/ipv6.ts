import type { Check } from '../check.ts';
import { ok, warning } from '../finding.ts';
import { readText } from '../host.ts';

const name = 'IPv6';

/** Zones have an address of each family. */
export const ipv6: Check = {
  name,
  async find(host) {
    const disabled = await readText(host, '/proc/sys/net/ipv6/conf/all/disable_ipv6');
    if (disabled === undefined) {
      return [warning(name, 'the kernel has none', 'boot without ipv6.disable=1, or do without it in zones')];
    }
    if (disabled.trim() !== '0') {
      return [
        warning(name, 'switched off', 'sysctl net.ipv6.conf.all.disable_ipv6=0, or do without it in zones'),
      ];
    }
    return [ok(name, 'switched on')];
  },
};
