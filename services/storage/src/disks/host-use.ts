import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../errors.ts';
import { deviceNumber, type HostDevice } from './host-device.ts';

/**
 * What the host itself uses the device, one of its partitions or the like for: a mount, swap, or a device
 * built on top. Undefined when it is free to be written to by a zone.
 */
export async function findHostUse(device: HostDevice): Promise<string | undefined> {
  const parts = await readParts(device);
  const mounts = parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
  for (const part of parts) {
    const mount = mounts.get(part.number);
    if (mount !== undefined) return `mounted at ${mount}`;
    if (part.holders.length > 0) return `part of ${part.holders.join(', ')}`;
  }
  const swaps = (await readFile('/proc/swaps', 'utf8')).split('\n').map((line) => line.split(/\s/)[0]);
  return swaps.includes(device.path) ? 'used as swap' : undefined;
}

/** Mount points by `major:minor`, from the text of /proc/self/mountinfo. */
export function parseMounts(mountinfo: string): Map<string, string> {
  const mounts = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    const [, , number, , target] = line.split(' ');
    if (number !== undefined && target !== undefined) mounts.set(number, target);
  }
  return mounts;
}

/** The device and its partitions, each with what is built on it. */
async function readParts(device: HostDevice): Promise<{ number: string; holders: string[] }[]> {
  const sysfs = `/sys/dev/block/${deviceNumber(device)}`;
  const parts = [{ number: deviceNumber(device), holders: await names(join(sysfs, 'holders')) }];
  for (const name of await names(sysfs)) {
    const number = await partitionNumber(join(sysfs, name));
    if (number !== undefined) parts.push({ number, holders: await names(join(sysfs, name, 'holders')) });
  }
  return parts;
}

async function partitionNumber(folder: string): Promise<string | undefined> {
  try {
    await readFile(join(folder, 'partition'));
    return (await readFile(join(folder, 'dev'), 'utf8')).trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
