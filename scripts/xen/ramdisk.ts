import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadOrder } from '../../zone/initrd/boot-modules.ts';
import { encodeNewc, type NewcEntry } from '../../zone/initrd/newc.ts';

/** What reaches the disks and mounts what is on them; ext4 asks for a checksum by name, not as a dependency. */
const modules = ['virtio_pci', 'virtio_blk', 'crc32c_generic', 'ext4', 'squashfs', 'overlay'];

const busybox = '/bin/busybox';

/**
 * Writes Dom0's initial ramdisk. It is not compressed: to decompress in emulation takes longer than to read.
 * The program in it waits for nothing; the files under `/boot` of the ramdisk, if any, are copied over the root.
 */
export async function buildRamdisk(modulesFolder: string, output: string): Promise<void> {
  const list = (name: string) => readFile(join(modulesFolder, name), 'utf8');
  const order = loadOrder(modules, await list('modules.dep'), await list('modules.builtin'));
  const names = order.map((path) => path.replace(/^.*\//, ''));
  const file = async (path: string, source: string, mode: number): Promise<NewcEntry> => {
    return { type: 'file', path, mode, bytes: await readFile(source) };
  };
  const directories = ['bin', 'boot', 'dev', 'modules', 'proc', 'root', 'sys'];
  const entries: NewcEntry[] = [
    ...directories.map((path) => ({ type: 'directory' as const, path })),
    { type: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    await file('init', join(import.meta.dirname, 'ramdisk-init.sh'), 0o755),
    await file('bin/busybox', busybox, 0o755),
    { type: 'file', path: 'modules/load', mode: 0o644, bytes: Buffer.from(`${names.join('\n')}\n`) },
    ...(await Promise.all(
      order.map((path) => file(`modules/${path.replace(/^.*\//, '')}`, join(modulesFolder, path), 0o644)),
    )),
  ];
  await writeFile(output, encodeNewc(entries));
}
