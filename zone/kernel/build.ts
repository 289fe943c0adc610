import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { writeLayout } from '../../packages/oci/src/layout-writer.ts';
import { run } from '../run.ts';
import { step } from '../step.ts';
import { downloadKernelPackage } from './debian-kernel.ts';

/** The files whose change makes the kernel image stale. */
export const kernelRecipe = [
  import.meta.filename,
  join(import.meta.dirname, 'debian-kernel.ts'),
  join(import.meta.dirname, '../../packages/oci/src/layout-writer.ts'),
];

/** Makes the zone kernel's image at `output` from the newest cloud kernel package that apt knows. */
export async function buildKernel(output: string, cacheDir: string): Promise<void> {
  const kernel = await step('kernel: find and download the package', () => downloadKernelPackage(cacheDir));
  const work = await mkdtemp(join(tmpdir(), 'protect-kernel-'));
  try {
    const unpacked = join(work, 'unpacked');
    await step(`kernel: unpack ${kernel.name}`, () => run('dpkg-deb', ['-x', kernel.path, unpacked]));
    const release = await onlyEntry(join(unpacked, 'lib', 'modules'));
    await step('kernel: order the modules', () => run('depmod', ['-b', unpacked, release]));
    const addons = join(work, 'addons');
    const addonsImage = join(work, 'addons.squashfs');
    await mkdir(addons);
    await rename(join(unpacked, 'lib', 'modules', release), join(addons, 'modules'));
    await step('kernel: pack the modules', () => packAddons(addons, addonsImage));
    const config = await readFile(join(unpacked, 'boot', `config-${release}`));
    const metadata = {
      KERNEL_ARCH: 'x86_64',
      KERNEL_VERSION: kernel.version.replace(/-.*$/, ''),
      KERNEL_UNAME_R: release,
      KERNEL_FLAVOR: 'zone',
      KERNEL_CONFIG: `sha256:${createHash('sha256').update(config).digest('hex')}`,
    };
    const lines = Object.entries(metadata).map(([name, value]) => `${name}=${value}\n`);
    await step('kernel: write the image', () =>
      writeLayout(output, {
        layers: [
          [
            { type: 'directory', path: 'kernel' },
            {
              type: 'file',
              path: 'kernel/image',
              source: { path: join(unpacked, 'boot', `vmlinuz-${release}`) },
            },
            { type: 'file', path: 'kernel/metadata', source: { bytes: Buffer.from(lines.join('')) } },
            { type: 'file', path: 'kernel/addons.squashfs', source: { path: addonsImage } },
            { type: 'file', path: 'kernel/config.gz', source: { bytes: gzipSync(config, { level: 9 }) } },
          ],
        ],
      }),
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function packAddons(directory: string, image: string): Promise<void> {
  const reproducible = ['-mkfs-time', '0', '-all-time', '0', '-all-root', '-no-xattrs', '-noappend'];
  const quiet = ['-quiet', '-no-progress'];
  await run('mksquashfs', [
    directory,
    image,
    '-comp',
    'zstd',
    '-Xcompression-level',
    '3',
    ...reproducible,
    ...quiet,
  ]);
}

async function onlyEntry(directory: string): Promise<string> {
  const [name, ...others] = await readdir(directory);
  if (name === undefined || others.length > 0) {
    throw new Error(
      `${directory} has ${others.length + (name ? 1 : 0)} kernels; a kernel package has exactly one`,
    );
  }
  return name;
}
