import { isIP } from 'node:net';
import type { FieldViolation } from '../invalid-argument.ts';
import { dnsEntriesMax } from '../limits.ts';
import type { ZoneSpec } from '../state/zone-record.ts';

/** How an entry of resolv.conf looks, by field: what it is called, and what it may be. */
const entries = {
  nameservers: {
    is: (text: string) => isIP(text) !== 0,
    name: 'name server',
    remedy: 'give an IPv4 or IPv6 address',
  },
  searches: {
    is: (text: string) => text === '.' || /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}$/.test(text),
    name: 'search domain',
    remedy: 'domains are such as svc.example.com',
  },
  options: {
    is: (text: string) => /^[a-z0-9-]{1,64}(:\d{1,9})?$/.test(text),
    name: 'resolver option',
    remedy: 'options are such as ndots:2 or edns0',
  },
} as const;

/** What is wrong with the DNS options of a zone. */
export function* dnsViolations(dns: ZoneSpec['network']['dns']): Generator<FieldViolation> {
  if (dns === undefined) return;
  for (const key of ['nameservers', 'searches', 'options'] as const) {
    const { is, name, remedy } = entries[key];
    const field = `spec.network_options.dns_config.${key}`;
    if (dns[key].length > dnsEntriesMax) {
      yield { field, description: `${dns[key].length} ${name}s; at most ${dnsEntriesMax} are taken` };
    }
    for (const [index, text] of dns[key].entries()) {
      if (is(text)) continue;
      yield { field: `${field}[${index}]`, description: `${JSON.stringify(text)} is no ${name}; ${remedy}` };
    }
  }
}
