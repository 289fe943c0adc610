// Runs in a network namespace that it takes for the host's own, with the database given as argument.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { newZoneId } from '@protect/config/ids';
import { openDatabase } from '@protect/service/database';
import { pino } from 'pino';
import { parseSubnet } from '../src/addressing/subnet.ts';
import { createKernelLinks } from '../src/links/kernel-links.ts';
import { linkName } from '../src/links/link-name.ts';
import { openNamespace } from '../src/namespace.ts';
import { createPacketFilter } from '../src/policy/packet-filter.ts';
import { encodeLink } from '../src/rpc/encode-link.ts';
import { migrations } from '../src/state/migrations.ts';
import { openReservationStore } from '../src/state/reservation-store.ts';
import { createZones } from '../src/zones.ts';

const [path = ''] = process.argv.slice(2);
const signal = AbortSignal.timeout(20_000);
const database = await openDatabase(path, migrations, { logger: pino({ level: 'silent' }) });
const namespace = await openNamespace(undefined);
const zones = createZones({
  store: await openReservationStore(database, () => randomBytes(6)),
  namespace,
  links: createKernelLinks(namespace),
  filter: createPacketFilter(namespace),
});
const subnets = { ipv4: parseSubnet('ipv4', '10.75.0.0/16'), ipv6: parseSubnet('ipv6', 'fdd4::/48') };
await zones.configure({ revision: 1n, ...subnets, nameservers: [] }, [], signal);
const zoneId = newZoneId();
const reservation = await zones.prepare(
  { zoneId, generation: 1n, uid: 200_001, kind: 'tap', keep: false },
  signal,
);
const parameter = (name: string) => readFileSync(`/proc/sys/net/${name}`, 'utf8').trim();
const tap = linkName(zoneId);
// A pair of virtual cables, as a hypervisor's back end makes one end of.
execFileSync('ip', ['link', 'add', 'vif7.0', 'type', 'veth', 'peer', 'name', 'machine']);
const vifZone = newZoneId();
await zones.prepare({ zoneId: vifZone, generation: 1n, uid: 200_002, kind: 'vif', keep: false }, signal);
await zones.attach({ zoneId: vifZone, generation: 1n, hostInterface: 'vif7.0' }, signal);
const report = {
  vif: {
    isUp: execFileSync('ip', ['link', 'show', 'up', 'dev', linkName(vifZone)], { encoding: 'utf8' }) !== '',
    proxyArp: parameter(`ipv4/conf/${linkName(vifZone)}/proxy_arp`),
    oldName: existsSync('/sys/class/net/vif7.0'),
  },
  netnsPath: encodeLink(reservation, namespace.path, []).netnsPath,
  forwarding: [parameter('ipv4/ip_forward'), parameter('ipv6/conf/all/forwarding')],
  tap: [
    parameter(`ipv4/conf/${tap}/proxy_arp`),
    parameter(`ipv4/conf/${tap}/accept_redirects`),
    parameter(`ipv6/conf/${tap}/accept_ra`),
  ],
  uplinkAcceptRa: [parameter('ipv6/conf/uplink/accept_ra'), parameter('ipv6/conf/uplink.7/accept_ra')],
  defaultProxyArp: parameter('ipv4/conf/default/proxy_arp'),
};
await zones.release(zoneId, signal);
await database.close();
process.stdout.write(JSON.stringify(report));
