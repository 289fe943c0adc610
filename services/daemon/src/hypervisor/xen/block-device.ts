import { stat } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { DomainDisk } from '../hypervisor.ts';
import { attachLoop } from './loop-devices.ts';

/**
 * The block device of a disk: itself, or a loop device over its file. FAILED_PRECONDITION when this host
 * cannot open it.
 */
export async function blockDevice(losetup: string, disk: DomainDisk): Promise<string> {
  try {
    if ((await stat(disk.path)).isBlockDevice()) return disk.path;
    return await attachLoop(losetup, disk.path, disk.readOnly);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = `disk ${disk.serial}: this host cannot open ${disk.path}: ${reason}`;
    throw new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
  }
}

/** The number of a block device as its back end is told it: major and minor in hexadecimal. */
export async function physicalDevice(device: string): Promise<string> {
  const { rdev } = await stat(device, { bigint: true });
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major.toString(16)}:${minor.toString(16)}`;
}
