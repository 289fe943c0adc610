import { randomBytes } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { shortId } from '@protect/config/ids';
import type { ConfigureRequestSchema } from '@protect/proto/idm';
import type { ZoneLink, ZoneRecord } from '../state/zone-record.ts';
import { kernelAddonsSerial } from './addons.ts';
import { networkPart } from './external-network.ts';

/** Bytes of randomness that a zone gets from its host. */
const seedBytes = 256;

const linkName = 'eth0';

/** What the zone calls itself: its name where that is a host name, else a short form of its id. */
export function zoneHostname(record: ZoneRecord): string {
  const { name } = record.spec;
  return /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/.test(name) ? name : `zone-${shortId(record.id)}`;
}

/** What init needs to make its zone ready. `record.placement` tells link and disks. */
export function zoneConfiguration(
  record: ZoneRecord,
  clock: () => number = Date.now,
): MessageInitShape<typeof ConfigureRequestSchema> {
  const { spec, placement } = record;
  const link = placement?.link;
  const scratch = placement?.disks.find((disk) => disk.purpose === 'scratch');
  const addons = (placement?.disks ?? []).flatMap(({ purpose, serial }) =>
    purpose === 'addons' ? [serial] : [],
  );
  const parametersOf = (module: string) =>
    spec.kernelOptions.moduleParameters
      .filter((parameter) => parameter.module === module)
      .map(({ parameter }) => parameter);
  const modules = new Set([
    ...spec.kernelOptions.modules,
    ...spec.kernelOptions.moduleParameters.map(({ module }) => module),
  ]);
  return {
    hostname: zoneHostname(record),
    links: link === undefined ? [] : [linkOf(link)],
    routes: link === undefined ? [] : routesOf(link),
    ...(record.network === undefined ? {} : networkPart(record.network)),
    resolver: resolverOf(spec.network.dns, link),
    clockUnixNs: BigInt(clock()) * 1_000_000n,
    randomSeed: randomBytes(seedBytes),
    modules: [...modules].map((name) => ({ name, parameters: parametersOf(name) })),
    sysctls: spec.kernelOptions.sysctls,
    addonsDiskSerial: addons.find((serial) => serial === kernelAddonsSerial) ?? '',
    addonDiskSerials: addons.filter((serial) => serial !== kernelAddonsSerial),
    scratch: {
      backend:
        scratch === undefined
          ? { case: 'tmpfsBytes', value: BigInt(spec.resources.targetMemoryMib) * 512n * 1024n }
          : { case: 'diskSerial', value: scratch.serial },
    },
  };
}

/** Search domains and options alone leave the name servers that the host gives. */
function resolverOf(dns: ZoneRecord['spec']['network']['dns'], link: ZoneLink | undefined) {
  const nameservers = dns?.nameservers.length ? dns.nameservers : (link?.nameservers ?? []);
  return { nameservers, searches: dns?.searches ?? [], options: dns?.options ?? [] };
}

function linkOf(link: ZoneLink) {
  const addresses = [link.ipv4, link.ipv6].filter((address) => address !== '');
  return { mac: link.zoneMac, name: linkName, addresses, mtu: link.mtu };
}

function routesOf(link: ZoneLink) {
  const route = (destination: string, gateway: string) => ({
    destination,
    gateway: withoutPrefix(gateway),
    link: linkName,
    onLink: true,
    source: '',
  });
  return [
    ...(link.gatewayIpv4 === '' ? [] : [route('0.0.0.0/0', link.gatewayIpv4)]),
    ...(link.gatewayIpv6 === '' ? [] : [route('::/0', link.gatewayIpv6)]),
  ];
}

function withoutPrefix(address: string): string {
  return address.split('/')[0] ?? address;
}
