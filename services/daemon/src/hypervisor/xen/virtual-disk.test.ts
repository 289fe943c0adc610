import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diskDevid, diskIndex, diskName, disksMax } from './virtual-disk.ts';

const anyDisk = fc.nat({ max: disksMax - 1 });

/** The disk that the zone's kernel makes of a number, as xen-blkfront does. */
function seenByZone(devid: number): { minor: number; partitions: number } {
  return (devid & (1 << 28)) === 0
    ? { minor: devid & 0xff, partitions: 16 }
    : { minor: devid & ~(1 << 28), partitions: 256 };
}

function seenName(devid: number): string {
  const { minor, partitions } = seenByZone(devid);
  expect(minor % partitions).toBe(0);
  let name = '';
  for (let rest = minor / partitions; rest >= 0; rest = Math.floor(rest / 26) - 1) {
    name = String.fromCharCode(97 + (rest % 26)) + name;
  }
  return `xvd${name}`;
}

it('names and numbers disks as Xen does', () => {
  expect([0, 1, 15, 16, 25, 26, 254].map(diskName)).toEqual([
    'xvda',
    'xvdb',
    'xvdp',
    'xvdq',
    'xvdz',
    'xvdaa',
    'xvdiu',
  ]);
  expect(diskDevid(0)).toBe(51_712);
  expect(diskDevid(1)).toBe(51_728);
  expect(diskDevid(15)).toBe(51_952);
  expect(diskDevid(16)).toBe(268_439_552);
});

it("gives every disk a number under which the zone's kernel sees it by the same name", () => {
  fc.assert(
    fc.property(anyDisk, (index) => {
      expect(seenName(diskDevid(index))).toBe(diskName(index));
    }),
  );
});

it('finds the disk of a number again, and none for other numbers', () => {
  fc.assert(
    fc.property(anyDisk, (index) => {
      expect(diskIndex(diskDevid(index))).toBe(index);
    }),
  );
  fc.assert(
    fc.property(fc.integer(), (devid) => {
      const index = diskIndex(devid);
      expect(index === undefined || diskDevid(index) === devid).toBe(true);
    }),
  );
  expect([Number.NaN, 51_713, 768].map(diskIndex)).toEqual([undefined, undefined, undefined]);
});
