import type { Check } from '../check.ts';
import { failed, ok, unseen } from '../finding.ts';
import { findProgram } from '../host.ts';

const name = 'nftables';

/** The packet filter that keeps zones apart. Asking for the tables shows whether the kernel has it. */
export const nftables: Check = {
  name,
  async find(host, signal) {
    const nft = await findProgram(host, 'nft');
    if (nft === undefined) return [failed(name, 'nft is missing', 'apt-get install nftables')];
    // Whoever is not root may ask in a namespace of its own, where the host allows to make one.
    const own = ['--user', '--map-root-user', '--net', '--', nft];
    const result = host.isRoot
      ? await host.run(nft, ['list', 'tables'], signal)
      : await host.run('unshare', [...own, 'list', 'tables'], signal);
    if (result?.exitCode === 0) return [ok(name, 'the kernel answers')];
    if (!host.isRoot) return [unseen(name, 'whether the kernel has it')];
    const said = result?.stderr.split('\n')[0] ?? 'nft does not end';
    return [failed(name, `the kernel does not answer: ${said}`, 'modprobe nf_tables')];
  },
};
