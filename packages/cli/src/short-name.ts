import type { DescEnum } from '@bufbuild/protobuf';

/** An enum value as people write it: `ready` for ZONE_STATE_READY; the number when it has no name. */
export function shortName(desc: DescEnum, value: number): string {
  const known = desc.value[value];
  return known === undefined ? String(value) : shortenName(desc, known.name);
}

/** The same for a value's full name. */
export function shortenName(desc: DescEnum, fullName: string): string {
  const name = fullName.toLowerCase();
  const prefix = desc.sharedPrefix ?? '';
  return (name.startsWith(prefix) ? name.slice(prefix.length) : name).replaceAll('_', '-');
}
