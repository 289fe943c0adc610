import type { ZoneId } from '@protect/config/ids';
import { domainsNode, vmNode } from './nodes.ts';
import type { Xenstore } from './xenstore.ts';

/**
 * The number of the domain that xl has made for a zone, by what xl wrote to xenstore: a tenth of the time that
 * `xl list` takes, and enough where no other domain can have the zone's UUID.
 */
export async function domidOf(
  zoneId: ZoneId,
  store: Pick<Xenstore, 'list' | 'read'>,
): Promise<number | undefined> {
  const numbers = (await store.list(domainsNode)).filter((name) => /^[1-9]\d{0,4}$/.test(name)).map(Number);
  const nodes = await Promise.all(numbers.map((domid) => store.read(vmNode(domid))));
  const index = nodes.indexOf(`/vm/${zoneId}`);
  return numbers[index];
}
