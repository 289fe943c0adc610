import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from './namespace.ts';

/** What every link gets, whichever way. Redirects and router advertisements from a zone are not believed. */
const linkParameters: readonly [family: 'ipv4' | 'ipv6', name: string, value: string][] = [
  ['ipv4', 'proxy_arp', '1'],
  ['ipv4', 'accept_redirects', '0'],
  ['ipv6', 'accept_redirects', '0'],
  ['ipv6', 'accept_ra', '0'],
];

/**
 * Makes the namespace forward packets. A namespace of our own gets the links' parameters as defaults; in the
 * host's own, other interfaces are left alone: those that learn their addresses from router advertisements
 * are told to go on doing so, which a forwarding kernel otherwise stops.
 */
export async function enableForwarding(namespace: Namespace, signal: AbortSignal): Promise<void> {
  const parameters = new Map<string, string>();
  if (namespace.path === '') {
    for (const name of await advertisedInterfaces()) {
      parameters.set(`net/ipv6/conf/${name}/accept_ra`, '2');
    }
  } else {
    for (const [family, name, value] of linkParameters) {
      parameters.set(`net/${family}/conf/default/${name}`, value);
    }
  }
  parameters.set('net/ipv4/ip_forward', '1');
  parameters.set('net/ipv6/conf/all/forwarding', '1');
  await namespace.setParameters(parameters, signal);
}

/** Gives one new link its parameters where the namespace's defaults are not ours to set. */
export async function setLinkParameters(
  namespace: Namespace,
  linkName: string,
  signal: AbortSignal,
): Promise<void> {
  if (namespace.path !== '') return;
  const parameters = linkParameters.map(
    ([family, name, value]) => [`net/${family}/conf/${linkName}/${name}`, value] as const,
  );
  await namespace.setParameters(new Map(parameters), signal);
}

/** Interfaces of the host that take router advertisements only as long as it does not forward. */
async function advertisedInterfaces(): Promise<string[]> {
  const folder = '/proc/sys/net/ipv6/conf';
  const names = (await readdir(folder)).filter((name) => name !== 'all');
  const values = await Promise.all(
    names.map(async (name) => (await readFile(join(folder, name, 'accept_ra'), 'utf8')).trim()),
  );
  return names.filter((_, index) => values[index] === '1');
}
