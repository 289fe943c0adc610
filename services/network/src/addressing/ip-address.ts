import { isIPv4, isIPv6 } from 'node:net';

export type AddressFamily = 'ipv4' | 'ipv6';

/** Width of an address in bits. */
export const addressBits = { ipv4: 32, ipv6: 128 } as const;

/** The number that `text` stands for, or undefined when it is no plain address of the family. */
export function parseAddress(family: AddressFamily, text: string): bigint | undefined {
  return family === 'ipv4' ? parseIpv4(text) : parseIpv6(text);
}

/** Dotted, or in RFC 5952's canonical form. */
export function formatAddress(family: AddressFamily, address: bigint): string {
  return family === 'ipv4' ? formatIpv4(address) : formatIpv6(address);
}

function parseIpv4(text: string): bigint | undefined {
  if (!isIPv4(text)) return undefined;
  return text.split('.').reduce((address, part) => (address << 8n) | BigInt(part), 0n);
}

function formatIpv4(address: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn)).join('.');
}

function parseIpv6(text: string): bigint | undefined {
  // A zone index names an interface and an embedded IPv4 address has a second spelling; neither is an address of ours.
  if (!isIPv6(text) || text.includes('%') || text.includes('.')) return undefined;
  const [head = '', tail] = text.split('::');
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = new Array<bigint>(8 - before.length - after.length).fill(0n);
  return [...before, ...zeros, ...after].reduce((address, group) => (address << 16n) | group, 0n);
}

function groups(text: string): bigint[] {
  return text === '' ? [] : text.split(':').map((group) => BigInt(`0x${group}`));
}

function formatIpv6(address: bigint): string {
  const parts = Array.from({ length: 8 }, (_, index) =>
    ((address >> BigInt(16 * (7 - index))) & 0xffffn).toString(16),
  );
  const run = longestZeroRun(parts);
  if (run.length < 2) return parts.join(':');
  return `${parts.slice(0, run.start).join(':')}::${parts.slice(run.start + run.length).join(':')}`;
}

function longestZeroRun(parts: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, part] of parts.entries()) {
    if (part !== '0') start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
