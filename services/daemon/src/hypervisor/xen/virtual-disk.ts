/** Disks of one domain. */
export const disksMax = 255;

const xvdMajor = 202;
const letters = 26;

/** Disks whose numbers come from the block device major of old; later ones are extended. */
const majorDisks = 16;

/** What Xen calls disk `index` of a domain: xvda, …, xvdz, xvdaa, …. */
export function diskName(index: number): string {
  let name = '';
  for (let rest = index; rest >= 0; rest = Math.floor(rest / letters) - 1) {
    name = String.fromCharCode('a'.charCodeAt(0) + (rest % letters)) + name;
  }
  return `xvd${name}`;
}

/** The number of disk `index` in xenstore's `device/vbd`, by which the zone finds the disk's serial. */
export function diskDevid(index: number): number {
  return index < majorDisks ? (xvdMajor << 8) | (index << 4) : (1 << 28) | (index << 8);
}

/** The disk with this number; undefined for partitions and for what is no xvd. */
export function diskIndex(devid: number): number | undefined {
  const index = devid >= 1 << 28 ? (devid ^ (1 << 28)) >> 8 : (devid >> 4) & 0xf;
  return devid >= 0 && diskDevid(index) === devid ? index : undefined;
}
