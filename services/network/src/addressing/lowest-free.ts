import type { Subnet } from './subnet.ts';

/** The lowest address for a zone that is not in `used`; undefined when the subnet is full. */
export function lowestFree(subnet: Subnet, used: ReadonlySet<bigint>): bigint | undefined {
  for (let address = subnet.firstZone; address <= subnet.lastZone; address += 1n) {
    if (!used.has(address)) return address;
  }
  return undefined;
}
