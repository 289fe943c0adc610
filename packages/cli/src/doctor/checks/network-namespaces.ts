import type { Check } from '../check.ts';
import { failed, ok } from '../finding.ts';
import { exists } from '../host.ts';

const name = 'network namespaces';

/** QEMU runs without a network of its own. */
export const networkNamespaces: Check = {
  name,
  async find(host) {
    if (await exists(host, '/proc/self/ns/net')) return [ok(name, 'the kernel has them')];
    return [failed(name, 'the kernel has none', 'use a kernel with CONFIG_NET_NS, as all of Debian have it')];
  },
};
