import { chmod, chown, lstat, open, unlink } from 'node:fs/promises';
import { runTool } from '@protect/service/run-tool';
import { filesystemError, hasCode, refused } from '../errors.ts';
import { deviceNumber, type HostDevice, splitDeviceNumber } from './host-device.ts';

/** mknod does nothing that takes time. */
const mknodTimeoutMs = 10_000;

/**
 * Makes `target` a device node for the zone's hypervisor process: writable ones belong to its user, read-only
 * ones to root, since the owner of a node may change its mode. An equal node is left in place.
 */
export async function makeDeviceNode(
  device: HostDevice,
  target: string,
  access: { readonly uid: number; readonly readOnly: boolean },
  signal: AbortSignal,
): Promise<void> {
  try {
    if (!(await sameNode(device, target))) {
      await runTool('mknod', ['--mode=0600', target, 'b', String(device.major), String(device.minor)], {
        signal,
        timeoutMs: mknodTimeoutMs,
      });
    }
    if (access.readOnly) {
      await chown(target, 0, access.uid);
      await chmod(target, 0o440);
    } else {
      await chown(target, access.uid, access.uid);
      await chmod(target, 0o600);
    }
  } catch (error) {
    throw filesystemError(error, `make device node ${target} for ${device.path}`);
  }
  await checkOpens(device, target);
}

/** True when the node is there already; otherwise `target` is free afterwards. */
async function sameNode(device: HostDevice, target: string): Promise<boolean> {
  try {
    const node = await lstat(target, { bigint: true });
    if (node.isBlockDevice() && deviceNumber(splitDeviceNumber(node.rdev)) === deviceNumber(device)) {
      return true;
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  await unlink(target);
  return false;
}

/** A state folder on a filesystem mounted `nodev` would only show when the hypervisor opens the disk. */
async function checkOpens(device: HostDevice, target: string): Promise<void> {
  try {
    await (await open(target, 'r')).close();
  } catch (error) {
    if (!hasCode(error, 'EACCES')) throw filesystemError(error, `open ${device.path}`);
    throw refused(
      `device nodes do not work below ${target}; mount the state folder's filesystem without nodev`,
    );
  }
}
