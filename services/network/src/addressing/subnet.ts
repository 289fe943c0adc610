import { type AddressFamily, addressBits, formatAddress, parseAddress } from './ip-address.ts';

/** Prefix lengths that leave a useful number of zones and are not a typing error. */
const prefixLimits = { ipv4: { min: 8, max: 29 }, ipv6: { min: 16, max: 124 } } as const;

/** A subnet that zones get addresses from. */
export interface Subnet {
  readonly family: AddressFamily;
  /** CIDR in canonical form. */
  readonly cidr: string;
  readonly prefixLength: number;
  /** The first address, on the host's side of every link. */
  readonly gateway: string;
  /** The second address, the host's own. */
  readonly host: string;
  /** First and last address that a zone can have. */
  readonly firstZone: bigint;
  readonly lastZone: bigint;
}

/** Takes a CIDR apart; a RangeError says what is wrong with it. */
export function parseSubnet(family: AddressFamily, cidr: string): Subnet {
  const [text = '', length = '', ...rest] = cidr.split('/');
  const address = parseAddress(family, text);
  if (address === undefined || !/^\d{1,3}$/.test(length) || rest.length > 0) {
    throw new RangeError(`${JSON.stringify(cidr)} is not an ${family} subnet such as ${example[family]}`);
  }
  const prefixLength = Number(length);
  const { min, max } = prefixLimits[family];
  if (prefixLength < min || prefixLength > max) {
    throw new RangeError(`prefix length of ${cidr} must be from ${min} to ${max}`);
  }
  return subnetAround(family, address, prefixLength, cidr);
}

/** The subnet that `address` lies in. */
export function subnetOf(family: AddressFamily, address: string, prefixLength: number): Subnet {
  const number = parseAddress(family, address);
  if (number === undefined) throw new RangeError(`${JSON.stringify(address)} is not an ${family} address`);
  const size = hostBits(family, prefixLength);
  return subnetAround(family, (number >> size) << size, prefixLength, `${address}/${prefixLength}`);
}

function subnetAround(family: AddressFamily, network: bigint, prefixLength: number, asked: string): Subnet {
  const bits = hostBits(family, prefixLength);
  const canonical = formatAddress(family, (network >> bits) << bits);
  const cidr = `${canonical}/${prefixLength}`;
  if ((network >> bits) << bits !== network) {
    throw new RangeError(`${asked} has bits beyond its prefix; write ${cidr}`);
  }
  // The last IPv4 address is the broadcast address.
  const spare = family === 'ipv4' ? 2n : 1n;
  return {
    family,
    cidr,
    prefixLength,
    gateway: formatAddress(family, network + 1n),
    host: formatAddress(family, network + 2n),
    firstZone: network + 3n,
    lastZone: network + (1n << bits) - spare,
  };
}

function hostBits(family: AddressFamily, prefixLength: number): bigint {
  return BigInt(addressBits[family] - prefixLength);
}

const example = { ipv4: '10.75.0.0/16', ipv6: 'fdd4:1476:6c7e::/48' } as const;
