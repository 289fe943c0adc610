import { isIP } from 'node:net';

export type IpVersion = 4 | 6;

/** An address range. */
export interface Subnet {
  readonly version: IpVersion;
  /** The first address as a number. */
  readonly base: bigint;
  readonly prefixLength: number;
}

const widths = { 4: 32, 6: 128 } as const;

/** What zones get their addresses from has to leave room for a few of them, and be no typing error. */
export const prefixLimits = { 4: { min: 8, max: 29 }, 6: { min: 16, max: 124 } } as const;

/** Ranges that no zone can have its address in. */
const reserved = [
  { cidr: '0.0.0.0/8', use: 'unspecified addresses' },
  { cidr: '127.0.0.0/8', use: 'loopback' },
  { cidr: '169.254.0.0/16', use: 'link-local addresses' },
  { cidr: '224.0.0.0/3', use: 'multicast and reserved addresses' },
  { cidr: '::/8', use: 'loopback and mapped IPv4 addresses' },
  { cidr: 'fe80::/10', use: 'link-local addresses' },
  { cidr: 'ff00::/8', use: 'multicast' },
] as const;

/** The range that `cidr` says; undefined when it is none of this version. Bits after the prefix are kept. */
export function parseSubnet(version: IpVersion, cidr: string): Subnet | undefined {
  const [address = '', length = '', ...rest] = cidr.split('/');
  const base = addressValue(address);
  const prefixLength = /^(0|[1-9][0-9]{0,2})$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY;
  if (base === undefined || isIP(address) !== version || rest.length > 0) return undefined;
  return prefixLength <= widths[version] ? { version, base, prefixLength } : undefined;
}

/** Whether bits after the prefix are set, so that this is an address in a range and not the range itself. */
export function hasHostBits({ version, base, prefixLength }: Subnet): boolean {
  return (base & ((1n << BigInt(widths[version] - prefixLength)) - 1n)) !== 0n;
}

/** Whether the ranges share an address. */
export function overlaps(a: Subnet, b: Subnet): boolean {
  if (a.version !== b.version) return false;
  const shift = BigInt(widths[a.version] - Math.min(a.prefixLength, b.prefixLength));
  return a.base >> shift === b.base >> shift;
}

/** Whether `address` lies in the range. */
export function contains(range: Subnet, address: string): boolean {
  const base = addressValue(address);
  const version = isIP(address) === 4 ? 4 : 6;
  return base !== undefined && overlaps(range, { version, base, prefixLength: widths[version] });
}

/** The reserved range that this one touches, if any. */
export function reservedOverlap(range: Subnet): (typeof reserved)[number] | undefined {
  return reserved.find(({ cidr }) => {
    const other = parseSubnet(range.version, cidr);
    return other !== undefined && overlaps(range, other);
  });
}

/** The number that an address stands for; undefined for what is none, has a scope or embeds IPv4. */
function addressValue(text: string): bigint | undefined {
  const version = isIP(text);
  if (version === 4) return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
  if (version !== 6 || /[%.]/.test(text)) return undefined;
  const [head = '', tail] = text.split('::');
  const groups = (side: string) => (side === '' ? [] : side.split(':'));
  const left = groups(head);
  const right = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((value, part) => (value << 16n) | BigInt(`0x${part}`), 0n);
}
