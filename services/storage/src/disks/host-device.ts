import { readFile, realpath, stat } from 'node:fs/promises';
import { filesystemError, invalid } from '../errors.ts';

/** Bytes of the unit in which the kernel tells the size of a block device. */
const sectorBytes = 512n;

/** A block device of the host. */
export interface HostDevice {
  /** Free of symbolic links. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  readonly sizeBytes: bigint;
  /** The kernel refuses writes to it. */
  readonly readOnly: boolean;
}

/** `major:minor`, the device's name everywhere in the kernel. */
export function deviceNumber(device: Pick<HostDevice, 'major' | 'minor'>): string {
  return `${device.major}:${device.minor}`;
}

/** Follows symbolic links to a block device. NOT_FOUND when absent, INVALID_ARGUMENT when it is none. */
export async function findHostDevice(path: string): Promise<HostDevice> {
  try {
    const real = await realpath(path);
    const node = await stat(real, { bigint: true });
    if (!node.isBlockDevice()) throw invalid(`${path} is not a block device`);
    const numbers = splitDeviceNumber(node.rdev);
    const sysfs = `/sys/dev/block/${deviceNumber(numbers)}`;
    return {
      path: real,
      ...numbers,
      sizeBytes: BigInt((await readFile(`${sysfs}/size`, 'utf8')).trim()) * sectorBytes,
      readOnly: (await readOptional(`${sysfs}/ro`)) === '1',
    };
  } catch (error) {
    throw filesystemError(error, `find block device ${path}`);
  }
}

/** Takes Linux' `dev_t` apart. */
export function splitDeviceNumber(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}

/** What `ro` of a partition says is the disk's business, and may be absent. */
async function readOptional(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
