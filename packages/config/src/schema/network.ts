import { isIP } from 'node:net';
import { z } from 'zod';
import {
  contains,
  hasHostBits,
  type IpVersion,
  parseSubnet,
  prefixLimits,
  reservedOverlap,
} from '../subnet.ts';
import { keyNotes } from './key-notes.ts';

const hostOnly = [
  { version: 4, cidr: '127.0.0.0/8' },
  { version: 4, cidr: '0.0.0.0/8' },
  { version: 6, cidr: '::/127' },
] as const;

const nameserver = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), { abort: true })
  .refine((text) => !hostOnly.some((range) => inRange(range, text)), {
    error: 'reaches the host itself; a zone needs a resolver that it can reach over the network',
  })
  .register(keyNotes, {
    meaning: 'One resolver.',
    allowed: 'an IPv4 or IPv6 address such as "1.1.1.1"',
  });

function inRange({ version, cidr }: (typeof hostOnly)[number], address: string): boolean {
  const range = parseSubnet(version, cidr);
  return range !== undefined && contains(range, address);
}

function subnet(version: IpVersion, fallback: string) {
  const { min, max } = prefixLimits[version];
  const allowed = `an IPv${version} subnet such as "${fallback}", with a prefix length from ${min} to ${max}`;
  return z
    .string()
    .check(({ value, issues }) => {
      const message = mistakeIn(version, value);
      if (message !== undefined) issues.push({ code: 'custom', message, input: value });
    })
    .default(fallback)
    .register(keyNotes, {
      meaning: `Range from which zones get their IPv${version} addresses. Choose one that the host does not route to.`,
      allowed,
    });
}

/** What is wrong with a subnet for zones; an empty text when it is none at all. */
function mistakeIn(version: IpVersion, cidr: string): string | undefined {
  const range = parseSubnet(version, cidr);
  if (range === undefined) return '';
  const { min, max } = prefixLimits[version];
  if (range.prefixLength > max) return `is too small for zones; its prefix length may be up to ${max}`;
  if (range.prefixLength < min) return `is too large; its prefix length has to be ${min} or more`;
  if (hasHostBits(range)) return `has bits set after /${range.prefixLength}; write the range's first address`;
  const taken = reservedOverlap(range);
  return taken && `overlaps ${taken.cidr}, which is for ${taken.use}; choose a private range`;
}

/** `[network]`: the network of zones that no CNI looks after. */
export const network = z
  .strictObject({
    nameservers: z
      .array(nameserver)
      .max(16)
      .default(['1.1.1.1', '1.0.0.1', '2606:4700:4700::1111', '2606:4700:4700::1001'])
      .register(keyNotes, {
        meaning: 'Resolvers that are handed to every zone, IPv4 and IPv6.',
        allowed: 'an array of up to 16 IPv4 and IPv6 addresses such as ["1.1.1.1"]',
      }),
    ipv4: z
      .strictObject({ subnet: subnet(4, '10.75.0.0/16') })
      .prefault({})
      .register(keyNotes, { meaning: 'IPv4 of zones.' }),
    ipv6: z
      .strictObject({ subnet: subnet(6, 'fdd4:1476:6c7e::/48') })
      .prefault({})
      .register(keyNotes, { meaning: 'IPv6 of zones.' }),
  })
  .prefault({})
  .register(keyNotes, { meaning: 'Network of zones launched outside Kubernetes; ignored for pods.' });
