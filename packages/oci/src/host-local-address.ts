import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

const hostLocal = new BlockList();
hostLocal.addSubnet('127.0.0.0', 8, 'ipv4');
hostLocal.addSubnet('0.0.0.0', 8, 'ipv4');
hostLocal.addSubnet('169.254.0.0', 16, 'ipv4');
hostLocal.addSubnet('::', 127, 'ipv6');
hostLocal.addSubnet('fe80::', 10, 'ipv6');

/** Whether an IP address is loopback, link-local or unspecified: this host or what serves only it. */
export function isHostLocal(address: string): boolean {
  const plain = address.replace(/^\[|\]$|%.*$/g, '');
  const version = isIP(plain);
  return version !== 0 && hostLocal.check(plain, version === 4 ? 'ipv4' : 'ipv6');
}

/** Name resolution that fails when one of the addresses is local to this host. */
export const lookupElsewhere: LookupFunction = (hostname: string, options: LookupOptions, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const local = addresses?.find(({ address }) => isHostLocal(address));
    const [first] = addresses ?? [];
    if (error !== null) done(error, []);
    else if (local !== undefined)
      done(new Error(`${hostname} is ${local.address}, an address of this host`), []);
    else if (options.all === true || first === undefined) done(null, addresses);
    else done(null, first.address, first.family);
  });
};
