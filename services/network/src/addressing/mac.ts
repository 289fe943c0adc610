import { formatAddress } from './ip-address.ts';

/**
 * The host's side of every link. One constant will do: each link is a segment of its own with the zone as
 * the only neighbour, and a zone that moves finds its gateway under the same address.
 */
export const gatewayMac = 'ee:ee:ee:ee:ee:ee';

/** A locally administered unicast address from six random bytes. */
export function macFrom(random: Uint8Array): string {
  const [first = 0, ...rest] = random.subarray(0, 6);
  return [(first & 0xfc) | 0x02, ...rest].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The IPv6 link-local address that Linux derives from a MAC address (modified EUI-64). */
export function linkLocalOf(mac: string): string {
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = mac.split(':').map((byte) => BigInt(`0x${byte}`));
  const identifier = [a ^ 0x02n, b, c, 0xffn, 0xfen, d, e, f].reduce((all, byte) => (all << 8n) | byte, 0n);
  return formatAddress('ipv6', (0xfe80n << 112n) | identifier);
}
