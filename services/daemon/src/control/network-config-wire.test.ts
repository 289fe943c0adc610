import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { ZoneNetworkConfigSchema } from '@protect/proto/control-common';
import { BadRequestSchema } from '@protect/proto/error-details';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zoneNetwork } from '../state/zone-record.ts';
import { toDomainZoneNetwork, toWireZoneNetwork } from './network-config-wire.ts';

type Config = MessageInitShape<typeof ZoneNetworkConfigSchema>;

const decode = (config: Config) => toDomainZoneNetwork(create(ZoneNetworkConfigSchema, config));

/** What Calico gives a pod: a next hop that no address covers, made a neighbour by hand. */
const calico = {
  interfaces: [
    {
      zoneInterface: 'eth0',
      zoneMac: '02:00:00:00:00:0A',
      ips: [
        { version: 1, address: '10.1.2.3/32', gateway: '169.254.1.1' },
        { version: 2, address: 'fd00::3/128', gateway: '' },
      ],
      mtu: 1450,
    },
  ],
  routes: [
    { version: 1, destination: '169.254.1.1/32', outputInterface: 'eth0', scope: 253, table: 254, kind: 1 },
    { destination: '0.0.0.0/0', gateway: '169.254.1.1', outputInterface: 'eth0', prefSource: '10.1.2.3' },
  ],
  neighbors: [{ ipAddress: '169.254.1.1', linkLayerAddress: 'EE:ee:ee:ee:ee:ee', attachedInterface: 'eth0' }],
} satisfies Config;

const fieldsOf = (config: Config): string[] => {
  try {
    decode(config);
  } catch (error) {
    const details = ConnectError.from(error).findDetails(BadRequestSchema);
    return details.flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field));
  }
  return [];
};

const route = (more: object) => ({ ...calico, routes: [{ ...calico.routes[1], ...more }] }) as Config;
const neighbor = (more: object) =>
  ({ ...calico, neighbors: [{ ...calico.neighbors[0], ...more }] }) as Config;
const link = (more: object) =>
  ({ interfaces: [{ ...calico.interfaces[0], ...more }], routes: [], neighbors: [] }) as Config;

describe('the network of a zone', () => {
  it('is taken and told again, with what is so where it was left open', () => {
    const network = decode(calico);
    expect(zoneNetwork.parse(network)).toEqual(network);
    const told = create(ZoneNetworkConfigSchema, { ...toWireZoneNetwork(network), interfaces: [] } as Config);
    expect(told.routes).toMatchObject([
      { version: 1, scope: 253, table: 254, protocol: 4, kind: 1, gateway: '' },
      { version: 1, scope: 0, table: 254, gateway: '169.254.1.1', prefSource: '10.1.2.3' },
    ]);
    expect(told.neighbors).toMatchObject([{ version: 1, linkLayerAddress: 'ee:ee:ee:ee:ee:ee', kind: 1 }]);
    expect(toWireZoneNetwork(network).interfaces).toMatchObject([
      { zoneInterface: 'eth0', zoneMac: '02:00:00:00:00:0a', mtu: 1450, ips: calico.interfaces[0]?.ips },
    ]);
  });

  it('knows the loopback by its name', () => {
    for (const zoneMac of ['', '00:00:00:00:00:00']) {
      const ips = [{ address: '10.9.9.9/32' }];
      const network = decode({ interfaces: [{ zoneInterface: 'lo', zoneMac, ips }] });
      expect(network.interfaces).toMatchObject([{ name: 'lo', mac: '' }]);
    }
  });

  it.each<[string, Config, string[]]>([
    ['a name with a slash', link({ zoneInterface: '../x' }), ['config.interfaces[0].zone_interface']],
    [
      'a name that is too long',
      link({ zoneInterface: 'x'.repeat(16) }),
      ['config.interfaces[0].zone_interface'],
    ],
    ['no MAC address', link({ zoneMac: '' }), ['config.interfaces[0].zone_mac']],
    ['a MAC address for lo', link({ zoneInterface: 'lo' }), ['config.interfaces[0].zone_mac']],
    ['an MTU too small for IPv6', link({ mtu: 1279 }), ['config.interfaces[0].mtu']],
    [
      'an address without prefix',
      link({ ips: [{ address: '10.0.0.1' }] }),
      ['config.interfaces[0].ips[0].address'],
    ],
    [
      'an address of another version',
      link({ ips: [{ version: 2, address: '10.0.0.1/8' }] }),
      ['config.interfaces[0].ips[0].version'],
    ],
    [
      'one interface twice',
      { interfaces: [calico.interfaces[0], calico.interfaces[0]] as never },
      ['config.interfaces[1].zone_interface', 'config.interfaces[1].zone_mac'],
    ],
    ['a route by source', route({ source: '10.0.0.0/8' }), ['config.routes[0].source']],
    ['a route of another table', route({ table: 100 }), ['config.routes[0].table']],
    ['a route of another kind', route({ kind: 6 }), ['config.routes[0].kind']],
    ['a route of a routing daemon', route({ protocol: 12 }), ['config.routes[0].protocol']],
    ['a route of another scope', route({ scope: 254 }), ['config.routes[0].scope']],
    [
      'a route over an unknown link',
      route({ outputInterface: 'eth1' }),
      ['config.routes[0].output_interface'],
    ],
    ['a gateway of another version', route({ gateway: 'fd00::1' }), ['config.routes[0].gateway']],
    [
      'a neighbour that moves',
      neighbor({ unreachabilityDetection: 2 }),
      ['config.neighbors[0].unreachability_detection'],
    ],
    ['a proxy neighbour', neighbor({ kind: 8 }), ['config.neighbors[0].kind']],
    [
      'several mistakes at once',
      { ...route({ table: 1, kind: 9 }), neighbors: [{ ipAddress: 'x' }] } as Config,
      [
        'config.routes[0].table',
        'config.routes[0].kind',
        'config.neighbors[0].ip_address',
        'config.neighbors[0].link_layer_address',
        'config.neighbors[0].attached_interface',
      ],
    ],
    ['too much', { routes: Array.from({ length: 65 }, () => ({})) }, ['config.routes']],
  ])('with %s is refused by field', (_title, config, fields) => {
    expect(fieldsOf(config)).toEqual(fields);
  });

  it('is taken, or refused with INVALID_ARGUMENT, whatever it is made of', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom(
        'eth0',
        'lo',
        '10.0.0.1/8',
        '::1/128',
        '10.0.0.1',
        '02:00:00:00:00:01',
        '0.0.0.0/0',
        '',
      ),
    );
    const number = fc.constantFrom(0, 1, 2, 253, 254, 99);
    const ip = fc.record({ version: number, address: text, gateway: text });
    const config = fc.record({
      interfaces: fc.array(
        fc.record({ zoneInterface: text, zoneMac: text, ips: fc.array(ip), mtu: fc.nat(70_000) }),
      ),
      routes: fc.array(
        fc.record({
          version: number,
          destination: text,
          gateway: text,
          outputInterface: text,
          scope: number,
        }),
      ),
      neighbors: fc.array(fc.record({ version: number, ipAddress: text, linkLayerAddress: text })),
    });
    fc.assert(
      fc.property(config, (asked) => {
        const fields = fieldsOf(asked as never);
        if (fields.length === 0) expect(zoneNetwork.parse(decode(asked as never))).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });
});
