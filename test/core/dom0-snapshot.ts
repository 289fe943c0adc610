import { setTimeout as delay } from 'node:timers/promises';
import type { Dom0Connection } from '../../scripts/xen/connection.ts';

/** What zones could leave behind in Dom0, by kind; each item a line that explains itself. */
export type Dom0Snapshot = Readonly<Record<string, readonly string[]>>;

/** How each kind is read, and which part of its lines names a thing rather than its present state. */
const kinds: Readonly<Record<string, { argv: readonly string[]; item: RegExp }>> = {
  domains: { argv: ['xl', 'list'], item: /^(?!Name )\S+/ },
  xenstore: { argv: ['xenstore-ls', '-f', '-p'], item: /^\/(?:local\/domain|vm|libxl)\/[^ ]*/ },
  loopDevices: { argv: ['losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE'], item: /^.*\S/ },
  links: { argv: ['ip', '-br', 'link'], item: /^[^\s@]+/ },
  // Proxies and consoles of zones, sandboxes, and tools that hang.
  processes: {
    argv: ['ps', '-eo', 'args'],
    item: /^.*(?:vchan-socket-proxy|xenconsole |bwrap|mksquashfs|losetup|\bxl ).*/,
  },
  // The first zone makes the folder.
  files: { argv: ['find', '/var/lib/edera/protect', '-path', '*/zones/?*'], item: /^.*/ },
  // What sets hold of zones; the rules themselves come with the first configuration.
  packetFilter: {
    argv: ['nft', '--stateless', 'list', 'ruleset'],
    item: /^.*(?:"pz[0-9a-f]{12}"|elements).*/,
  },
  mounts: { argv: ['findmnt', '--raw', '--noheadings', '--output', 'TARGET'], item: /^.*/ },
};

/** For what Xen and its back ends do after a domain has gone. */
const settleMs = 20_000;
const lookAgainMs = 1_000;

/** Dom0 as it is now, as far as zones could change it. */
export async function snapshotDom0(dom0: Dom0Connection): Promise<Dom0Snapshot> {
  const read = await Promise.all(
    Object.entries(kinds).map(async ([kind, { argv, item }]) => {
      const lines = (await dom0.output(argv)).split('\n');
      return [kind, lines.flatMap((line) => item.exec(line)?.[0] || [])] as const;
    }),
  );
  return Object.fromEntries(read);
}

/** What is there and was not before, once Dom0 has come to rest; kinds without any are left out. */
export async function leftInDom0(dom0: Dom0Connection, before: Dom0Snapshot): Promise<Dom0Snapshot> {
  const until = performance.now() + settleMs;
  for (;;) {
    const left = difference(before, await snapshotDom0(dom0));
    if (Object.keys(left).length === 0 || performance.now() > until) return left;
    await delay(lookAgainMs);
  }
}

function difference(before: Dom0Snapshot, after: Dom0Snapshot): Dom0Snapshot {
  return Object.fromEntries(
    Object.entries(after)
      .map(([kind, items]) => [kind, items.filter((item) => !before[kind]?.includes(item))] as const)
      .filter(([, items]) => items.length > 0),
  );
}
