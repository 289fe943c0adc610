import { loadDaemonConfig, parseDaemonConfig } from '@protect/config/daemon-config';
import { statePaths } from '@protect/config/paths';
import { overlaps, parseSubnet, type Subnet } from '@protect/config/subnet';
import type { Check } from '../check.ts';
import { ok, warning } from '../finding.ts';
import { at, type Host, readText } from '../host.ts';

const name = 'address ranges';

/** The links of zones. */
const zoneLink = /^pz[0-9a-f]{12}$/;

/** Where the host sends packets for a range. */
export interface Route {
  readonly range: Subnet;
  /** As people write it. */
  readonly cidr: string;
  readonly interface: string;
}

/** Zones get addresses that the host sends nowhere else. */
export const addressRanges: Check = {
  name,
  async find(host) {
    const { network } = await configuration(host);
    const routes = [
      ...parseIpv4Routes((await readText(host, '/proc/net/route')) ?? ''),
      ...parseIpv6Routes((await readText(host, '/proc/net/ipv6_route')) ?? ''),
    ];
    const ranges = [
      { cidr: network.ipv4.subnet, range: parseSubnet(4, network.ipv4.subnet) },
      { cidr: network.ipv6.subnet, range: parseSubnet(6, network.ipv6.subnet) },
    ];
    const findings = ranges.flatMap(({ cidr, range }) => {
      const route = range && routes.find((candidate) => overlaps(candidate.range, range));
      if (route === undefined) return [];
      const detail = `${cidr} for zones overlaps ${route.cidr}, to which the host has a route (${route.interface})`;
      const remedy = 'choose another subnet in daemon.toml; zones and those hosts cannot reach each other';
      return [warning(name, detail, remedy)];
    });
    if (findings.length > 0) return findings;
    return [ok(name, ranges.map(({ cidr }) => cidr).join(' and '))];
  },
};

/** The defaults where there is no file that can be used; what is wrong with one is told elsewhere. */
async function configuration(host: Host) {
  return await loadDaemonConfig(at(host, statePaths(host.state).daemonToml)).catch(() =>
    parseDaemonConfig('', ''),
  );
}

/** The routes of /proc/net/route but the default one and those to zones. */
export function parseIpv4Routes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    const [link = '', destination = '', , , , , , mask = ''] = line.split('\t');
    if (!/^[0-9A-F]{8}$/.test(destination) || !/^[0-9A-F]{8}$/.test(mask)) return [];
    const bytes = (hex: string) => [...Buffer.from(hex, 'hex').reverse()];
    const bits = bytes(mask).reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    return routeOf(4, `${bytes(destination).join('.')}/${bits}`, link);
  });
}

/** The same of /proc/net/ipv6_route, without link-local and multicast ones. */
export function parseIpv6Routes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const [destination = '', length = ''] = words;
    if (!/^[0-9a-f]{32}$/.test(destination) || /^f[ef]/.test(destination)) return [];
    const address = (destination.match(/.{4}/g) ?? []).join(':');
    return routeOf(6, `${address}/${Number.parseInt(length, 16)}`, words.at(-1) ?? '');
  });
}

function routeOf(version: 4 | 6, cidr: string, link: string): Route[] {
  const range = parseSubnet(version, cidr);
  if (range === undefined || range.prefixLength === 0 || link === 'lo' || zoneLink.test(link)) return [];
  return [{ range, cidr, interface: link }];
}
