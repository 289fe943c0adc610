import { join } from 'node:path';
import { inputsKey } from '../../zone/stale.ts';
import { projectRoot } from '../stack/stack.ts';
import type { Steps } from '../stack/steps.ts';
import { aptCandidates } from './apt-candidates.ts';
import { cachedFolder } from './cache-folder.ts';
import { bootPackages, installDebian, packRoot, rootPackages } from './debian-root.ts';
import { buildRamdisk } from './ramdisk.ts';

/** What a Dom0 is booted from. Nothing of this project is in it, so that it changes rarely. */
export interface Dom0Image {
  /** The hypervisor as a plain ELF file, which is what QEMU can load. */
  readonly xen: string;
  readonly kernel: string;
  /** An uncompressed initial ramdisk; more may be appended. */
  readonly ramdisk: string;
  /** An ext4 file system; to be used with a snapshot over it. */
  readonly root: string;
}

const recipe = ['image.ts', 'debian-root.ts', 'ramdisk.ts', 'ramdisk-init.sh'];

/** The cached image, built when what it is made from has changed: this recipe, or the versions apt offers. */
export async function dom0Image(steps: Steps, signal: AbortSignal): Promise<Dom0Image> {
  const versions = await aptCandidates([...rootPackages, ...bootPackages], signal);
  const key = await inputsKey(
    recipe.map((file) => join(import.meta.dirname, file)),
    [...versions].flat(),
  );
  const path = join(projectRoot, '.cache/xen/image', key.slice(0, 16));
  const folder = await cachedFolder(path, async (work) => {
    const debian = await installDebian(work, steps, signal);
    await buildRamdisk(debian.modules, join(work, 'ramdisk'));
    await steps.run('Dom0 image: file system', () => packRoot(work, debian, signal));
  });
  return {
    xen: join(folder, 'xen.elf'),
    kernel: join(folder, 'vmlinuz'),
    ramdisk: join(folder, 'ramdisk'),
    root: join(folder, 'root.ext4'),
  };
}
