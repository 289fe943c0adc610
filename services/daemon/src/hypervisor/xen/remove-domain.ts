import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import { emptyControlFolder } from '../control-folder.ts';
import type { XenTools } from './dom0.ts';
import type { DomainWatch } from './domain-watch.ts';
import { freeLoops, loopsIn } from './loop-devices.ts';
import { diskBackendsNode, domainNode } from './nodes.ts';
import type { Xenstore } from './xenstore.ts';
import { runXl } from './xl.ts';

/** Milliseconds for `xl destroy`, which waits for the back ends of disks and links. */
const destroyTimeoutMs = 60_000;

/** Milliseconds for the hypervisor to take back a destroyed domain's memory. */
const goneDeadlineMs = 30_000;

/** Milliseconds between two looks at a domain that is dying: Xen gives no event for its last page. */
const gonePollMs = 50;

/** What it takes to remove a domain. */
export interface RemoveDeps {
  readonly paths: StatePaths;
  readonly tools: XenTools;
  readonly store: Xenstore;
  readonly watch: DomainWatch;
}

/**
 * Destroys the domain of a zone, whatever state it is in, and settles when nothing of it is left on the
 * host: domain, xenstore, loop devices, control files. Nothing there is no error. `knownDomid` is the
 * number that it had, in case it is gone already.
 */
export async function removeDomain(zoneId: ZoneId, deps: RemoveDeps, knownDomid?: number): Promise<void> {
  const { paths, tools, watch } = deps;
  const until = performance.now() + goneDeadlineMs;
  let domid = knownDomid;
  let destroyed = false;
  for (;;) {
    // Its number is read anew each time, so that it is never another domain's.
    const domains = await watch.look(AbortSignal.timeout(goneDeadlineMs));
    const domain = domains.find(({ uuid }) => uuid === zoneId);
    if (domain === undefined) {
      if (domid !== undefined && domains.every((other) => other.domid !== domid)) await sweep(domid, deps);
      break;
    }
    if (performance.now() > until) {
      const text = `domain ${domain.domid} of zone ${zoneId} does not go: something holds pages of it`;
      throw new ConnectError(text, Code.DeadlineExceeded);
    }
    domid = domain.domid;
    if (!domain.dying && !destroyed) {
      await runXl(tools.xl, ['destroy', String(domid)], {
        failure: `domain ${domid} of zone ${zoneId} cannot be destroyed`,
        timeoutMs: destroyTimeoutMs,
      });
      destroyed = true;
    } else {
      await delay(gonePollMs);
    }
  }
  await freeLoops(tools.losetup, await loopsIn(paths.zoneDisks(zoneId)));
  await emptyControlFolder(paths.zoneControl(zoneId));
}

/** Removes what was written to xenstore of a domain when xl had swept there already. */
async function sweep(domid: number, { store }: RemoveDeps): Promise<void> {
  await store.remove(diskBackendsNode(domid));
  const left = await store.list(domainNode(domid));
  if (left.every((name) => name === 'protect')) await store.remove(domainNode(domid));
}
