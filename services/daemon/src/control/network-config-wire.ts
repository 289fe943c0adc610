import { isIP as isIPOrScoped, isIPv4 } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type ZoneNetworkConfig,
  type ZoneNetworkInterfaceConfig,
  ZoneNetworkIpVersion,
  type ZoneNetworkNeighborEntry,
  ZoneNetworkNUDMode,
  type ZoneNetworkRoute,
  type ZoneNetworkStatusSchema,
} from '@protect/proto/control-common';
import { type FieldViolation, invalidArgument } from '../invalid-argument.ts';
import type { ZoneNetwork } from '../state/zone-record.ts';

/** As many as the zone takes. */
const maxInterfaces = 16;
const maxAddresses = 16;
const maxRoutes = 64;
const maxNeighbors = 64;

const maxMtu = 65_535;
const minMtu = 68;
/** IPv6 needs this much. */
const minMtu6 = 1280;

/** Numbers of Linux' rtnetlink: those that zones have, by what is written of them. */
const mainTable = 254;
const staticProtocol = 4;
const unicast = 1;
const universeScope = 0;
const linkScope = 253;

type Invalid = (field: string, description: string) => void;

/** What a zone shall be given. INVALID_ARGUMENT names every field that it cannot have. */
export function toDomainZoneNetwork(config: ZoneNetworkConfig): ZoneNetwork {
  const violations: FieldViolation[] = [];
  const invalid: Invalid = (field, description) =>
    violations.push({ field: `config.${field}`, description: `${field}: ${description}` });
  for (const [field, count, max] of [
    ['interfaces', config.interfaces.length, maxInterfaces],
    ['routes', config.routes.length, maxRoutes],
    ['neighbors', config.neighbors.length, maxNeighbors],
  ] as const) {
    if (count > max) invalid(field, `${count} are too many; ${max} is the most`);
  }
  if (violations.length > 0) throw invalidArgument(violations);
  const network = {
    interfaces: config.interfaces.map((wire, at) => toInterface(wire, `interfaces[${at}]`, invalid)),
    routes: [] as ZoneNetwork['routes'],
    neighbors: [] as ZoneNetwork['neighbors'],
  };
  checkDistinct(network.interfaces, invalid);
  const names = ['lo', ...network.interfaces.map(({ name }) => name)];
  network.routes = config.routes.map((wire, at) => toRoute(wire, names, `routes[${at}]`, invalid));
  network.neighbors = config.neighbors.map((wire, at) =>
    toNeighbor(wire, names, `neighbors[${at}]`, invalid),
  );
  if (violations.length > 0) throw invalidArgument(violations);
  return network;
}

function toInterface(wire: ZoneNetworkInterfaceConfig, field: string, invalid: Invalid) {
  const { zoneInterface: name, mtu } = wire;
  const mac = wire.zoneMac.toLowerCase();
  const isLoopback = name === 'lo' && (mac === '' || mac === '00:00:00:00:00:00');
  if (!/^[^/\s\p{Cc}]{1,15}$/u.test(name) || name === '.' || name === '..') {
    invalid(`${field}.zone_interface`, `${shown(name)} is no name of an interface (1 to 15 characters)`);
  }
  if (!isLoopback && name === 'lo') invalid(`${field}.zone_mac`, 'lo has no MAC address; leave it empty');
  if (name !== 'lo' && !isMac(mac)) {
    invalid(`${field}.zone_mac`, `${shown(wire.zoneMac)} is no MAC address, by which the interface is found`);
  }
  const has6 = wire.ips.some(({ address }) => address.includes(':'));
  const least = has6 ? minMtu6 : minMtu;
  if (mtu !== 0 && (mtu < least || mtu > maxMtu)) {
    invalid(`${field}.mtu`, `${mtu} is not from ${least} to ${maxMtu}; 0 leaves it as it is`);
  }
  if (wire.ips.length > maxAddresses) invalid(`${field}.ips`, `${maxAddresses} is the most`);
  const addresses = wire.ips.map(({ version, address, gateway }, at) => {
    const ip = `${field}.ips[${at}]`;
    if (!isCidr(address)) invalid(`${ip}.address`, `${shown(address)} is no address with prefix length`);
    else checkVersion(version, address, `${ip}.version`, invalid);
    if (gateway !== '' && isIP(gateway) === 0) invalid(`${ip}.gateway`, `${shown(gateway)} is no address`);
    return { address, gateway };
  });
  return { name, mac: isLoopback ? '' : mac, addresses, mtu };
}

function checkDistinct(interfaces: ZoneNetwork['interfaces'], invalid: Invalid): void {
  for (const [at, { name, mac }] of interfaces.entries()) {
    const before = interfaces.slice(0, at);
    if (before.some((other) => other.name === name)) {
      invalid(`interfaces[${at}].zone_interface`, `${shown(name)} is the name of another interface too`);
    }
    if (mac !== '' && before.some((other) => other.mac === mac)) {
      invalid(`interfaces[${at}].zone_mac`, `${mac} is the MAC address of another interface too`);
    }
  }
}

function toRoute(wire: ZoneNetworkRoute, names: readonly string[], field: string, invalid: Invalid) {
  const { destination, gateway, prefSource: source, version } = wire;
  const is4 = isIPv4(withoutPrefix(destination));
  if (!isCidr(destination)) {
    invalid(`${field}.destination`, `${shown(destination)} is no subnet with prefix length`);
  } else {
    checkVersion(version, destination, `${field}.version`, invalid);
    for (const [key, address] of [
      ['gateway', gateway],
      ['pref_source', source],
    ] as const) {
      if (address !== '' && (isIP(address) === 0 || isIPv4(address) !== is4)) {
        invalid(`${field}.${key}`, `${shown(address)} is no IPv${is4 ? 4 : 6} address`);
      }
    }
  }
  checkNamed(wire.outputInterface, names, `${field}.output_interface`, invalid);
  if (!['', '0.0.0.0/0', '::/0'].includes(wire.source)) {
    invalid(`${field}.source`, 'routes of a zone do not depend on the source; leave it empty');
  }
  const scope = gateway === '' && is4 ? linkScope : universeScope;
  checkNumber(wire.scope, [universeScope, scope], `${field}.scope`, invalid);
  checkNumber(wire.table, [0, mainTable], `${field}.table`, invalid);
  checkNumber(wire.protocol, [0, 2, 3, staticProtocol], `${field}.protocol`, invalid);
  checkNumber(wire.kind, [0, unicast], `${field}.kind`, invalid);
  return { destination, gateway, interface: wire.outputInterface, source };
}

function toNeighbor(
  wire: ZoneNetworkNeighborEntry,
  names: readonly string[],
  field: string,
  invalid: Invalid,
) {
  const { ipAddress: address, version } = wire;
  const mac = wire.linkLayerAddress.toLowerCase();
  if (isIP(address) === 0) invalid(`${field}.ip_address`, `${shown(address)} is no address`);
  else checkVersion(version, address, `${field}.version`, invalid);
  if (!isMac(mac)) {
    invalid(`${field}.link_layer_address`, `${shown(wire.linkLayerAddress)} is no MAC address`);
  }
  checkNamed(wire.attachedInterface, names, `${field}.attached_interface`, invalid);
  if (wire.unreachabilityDetection !== ZoneNetworkNUDMode.ZONE_NETWORK_NUD_MODE_PERMANENT) {
    invalid(`${field}.unreachability_detection`, 'neighbours of a zone are PERMANENT');
  }
  checkNumber(wire.kind, [0, unicast], `${field}.kind`, invalid);
  return { address, mac, interface: wire.attachedInterface };
}

/** What a zone was given, with what is so in the zone where the caller left it open. */
export function toWireZoneNetwork(network: ZoneNetwork): MessageInitShape<typeof ZoneNetworkStatusSchema> {
  return {
    interfaces: network.interfaces.map(({ name, mac, addresses, mtu }) => ({
      zoneInterface: name,
      zoneMac: mac,
      ips: addresses.map(({ address, gateway }) => ({ version: versionOf(address), address, gateway })),
      mtu,
    })),
    routes: network.routes.map(({ destination, gateway, interface: outputInterface, source }) => ({
      version: versionOf(destination),
      destination,
      gateway,
      outputInterface,
      scope: gateway === '' && !destination.includes(':') ? linkScope : universeScope,
      table: mainTable,
      protocol: staticProtocol,
      kind: unicast,
      prefSource: source,
    })),
    neighbors: network.neighbors.map(({ address, mac, interface: attachedInterface }) => ({
      version: versionOf(address),
      ipAddress: address,
      linkLayerAddress: mac,
      attachedInterface,
      unreachabilityDetection: ZoneNetworkNUDMode.ZONE_NETWORK_NUD_MODE_PERMANENT,
      kind: unicast,
    })),
  };
}

function versionOf(address: string): ZoneNetworkIpVersion {
  return address.includes(':') ? ZoneNetworkIpVersion.V6 : ZoneNetworkIpVersion.V4;
}

function checkVersion(version: ZoneNetworkIpVersion, address: string, field: string, invalid: Invalid): void {
  if (version === ZoneNetworkIpVersion.UNKNOWN || version === versionOf(address)) return;
  invalid(field, `${shown(address)} is of another version`);
}

function checkNamed(name: string, names: readonly string[], field: string, invalid: Invalid): void {
  if (names.includes(name)) return;
  invalid(field, `${shown(name)} is none of the interfaces: ${names.join(', ')}`);
}

function checkNumber(value: number, allowed: readonly number[], field: string, invalid: Invalid): void {
  if (allowed.includes(value)) return;
  invalid(field, `${value} is not possible in a zone; it may be ${[...new Set(allowed)].join(' or ')}`);
}

function isCidr(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const version = isIP(address);
  return (
    version !== 0 &&
    rest.length === 0 &&
    /^\d{1,3}$/.test(length) &&
    Number(length) <= (version === 4 ? 32 : 128)
  );
}

/** 4, 6, or 0 for what is no address; one with a scope, such as fe80::1%eth0, is none. */
function isIP(text: string): number {
  return text.includes('%') ? 0 : isIPOrScoped(text);
}

function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text);
}

function withoutPrefix(cidr: string): string {
  return cidr.split('/')[0] ?? cidr;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
