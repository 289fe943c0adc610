import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { childStream } from './child-stream.ts';
import type { XenTools } from './dom0.ts';

/** Where a zone's init offers its channel, below its part of xenstore. */
const channelNode = 'data/vchan/idm';

/** Devices for shared pages, for events between domains, and to see whether the domain still lives. */
const devices = ['/dev/xen/gntdev', '/dev/xen/evtchn', '/dev/xen/privcmd'];
const xenstoredFolder = '/run/xenstored';

/**
 * A zone's IDM bytes, brought over by a process of its own, since what it maps is written by the zone.
 * Waits for a zone that has not offered its channel yet, for as long as the domain lives.
 */
export function openIdmProxy(tools: Pick<XenTools, 'bwrap' | 'vchanSocketProxy'>, domid: number): Duplex {
  const child = spawn(tools.bwrap, proxyArguments(tools.vchanSocketProxy, domid), {
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // It lives no longer than this process, and does not keep it alive either.
  child.unref();
  return childStream(child, `the IDM proxy of domain ${domid}`);
}

/** The sandbox: /usr to read, the devices, xenstored; no network, no capability, ended with the daemon. */
export function proxyArguments(proxy: string, domid: number): string[] {
  return [
    ...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--as-pid-1', '--die-with-parent', '--new-session', '--clearenv', '--cap-drop', 'ALL'],
    ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
    ...['--ro-bind', xenstoredFolder, xenstoredFolder, '--symlink', '../run', '/var/run'],
    ...devices.flatMap((device) => ['--dev-bind', device, device]),
    ...['--chdir', '/', '--'],
    ...[proxy, '--mode=client', String(domid), `/local/domain/${domid}/${channelNode}`, '-'],
  ];
}
