import { newReservationId, newZoneId, ownReservationId } from '@protect/config/ids';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseLinkList } from './kernel-links.ts';
import { isLinkName, linkAlias, linkName, parseLinkAlias } from './link-name.ts';

const zoneId = newZoneId();
const reservation = {
  id: newReservationId(),
  kept: true,
  zoneId,
  generation: 18_446_744_073_709_551_615n,
  uid: 200_001,
  ipv4: { address: '10.75.255.254', prefixLength: 16 },
  ipv6: { address: 'fdd4:1476:6c7e:aaaa:bbbb:cccc:dddd:eeee', prefixLength: 48 },
  mac: '02:00:00:00:00:01',
  kind: 'vif',
} as const;

test('link: its name fits the kernel and is recognised', () => {
  const name = linkName(reservation.zoneId);
  expect(name.length).toBeLessThanOrEqual(15);
  expect(isLinkName(name)).toBe(true);
  expect(isLinkName('pzem0')).toBe(false);
});

test('link: the alias tells all of the reservation within the 255 bytes that the kernel keeps', () => {
  const alias = linkAlias(reservation);
  expect(alias.length).toBeLessThanOrEqual(255);
  expect(parseLinkAlias(alias)).toEqual(reservation);
});

test('link: an alias from before there were vifs tells of a tap', () => {
  const own = { ...reservation, id: ownReservationId(zoneId), kept: false };
  expect(parseLinkAlias(linkAlias(own))).toEqual(own);
  const old = linkAlias(own).replace(/,vif$/, '');
  expect(parseLinkAlias(old)).toEqual({ ...own, kind: 'tap' });
});

test('link: an alias of any other form is no reservation', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseLinkAlias(text)).toBeUndefined();
      expect(parseLinkAlias(`protect,${text}`)).toBeUndefined();
    }),
  );
});

test('link: the list of links has ours alone, and believes an alias only under its own name', () => {
  const own = { ifname: linkName(reservation.zoneId), ifalias: linkAlias(reservation) };
  const json = JSON.stringify([
    {},
    { ifname: 'tap0' },
    own,
    { ifname: 'pz0123456789ab', ifalias: own.ifalias },
    { ifname: 'pz0123456789ac' },
  ]);
  expect(parseLinkList(json)).toEqual([
    { name: own.ifname, reservation },
    { name: 'pz0123456789ab', reservation: undefined },
    { name: 'pz0123456789ac', reservation: undefined },
  ]);
  expect(parseLinkList('')).toEqual([]);
});
