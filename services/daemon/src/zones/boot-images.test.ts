import { expect, test } from 'vitest';
import { type BootImageDeps, createBootImages } from './boot-images.ts';

const signal = () => AbortSignal.timeout(10_000);
const digest = `sha256:${'a'.repeat(64)}`;

/** Boot images, and what was unpacked for them: `kernel oci:/kernel`, with `anew` where it had to be. */
function bootImages(cache: Pick<BootImageDeps, 'cacheKernel' | 'cacheInitrd'>) {
  const unpacked: string[] = [];
  const images = createBootImages({
    kernelReference: 'oci:/kernel',
    initrdReference: 'oci:/initrd',
    ...cache,
    unpackKernel: async (reference, anew) => {
      unpacked.push(`kernel ${reference}${anew ? ' anew' : ''}`);
      return { digest, kernelPath: '/vmlinux', addonsPath: undefined, metadata: {} };
    },
    unpackInitrd: async (reference, anew) => {
      unpacked.push(`initrd ${reference}${anew ? ' anew' : ''}`);
      return { digest, initrdPath: '/initrd.cpio' };
    },
    findStored: async () => 'oci:/stored',
  });
  return { images, unpacked };
}

test('cache-default-kernel and cache-default-initrd: the default image is read once', async () => {
  const { images, unpacked } = bootImages({ cacheKernel: true, cacheInitrd: true });
  await Promise.all([images.kernel(undefined, signal()), images.kernel(undefined, signal())]);
  await images.initrd(undefined, signal());
  await images.initrd(undefined, signal());
  expect(unpacked).toEqual(['kernel oci:/kernel', 'initrd oci:/initrd']);
});

test('cache-default-kernel = false: the default kernel is read anew for each launch, the ramdisk is not', async () => {
  const { images, unpacked } = bootImages({ cacheKernel: false, cacheInitrd: true });
  for (let launch = 0; launch < 2; launch++) {
    await images.kernel(undefined, signal());
    await images.initrd(undefined, signal());
  }
  expect(unpacked).toEqual(['kernel oci:/kernel anew', 'initrd oci:/initrd', 'kernel oci:/kernel anew']);
});

test('cache-default-initrd = false: the default ramdisk is read anew for each launch', async () => {
  const { images, unpacked } = bootImages({ cacheKernel: true, cacheInitrd: false });
  await images.initrd(undefined, signal());
  await images.initrd(undefined, signal());
  expect(unpacked).toEqual(['initrd oci:/initrd anew', 'initrd oci:/initrd anew']);
});

test('an image that a zone names is no default: it is read once', async () => {
  const { images, unpacked } = bootImages({ cacheKernel: false, cacheInitrd: false });
  const spec = { digest, format: 'squashfs' as const };
  await images.kernel(spec, signal());
  await images.kernel(spec, signal());
  expect(unpacked).toEqual(['kernel oci:/stored']);
});

test('what was left aside is read anew by the next launch, default or not, and once', async () => {
  const { images, unpacked } = bootImages({ cacheKernel: true, cacheInitrd: true });
  const spec = { digest, format: 'tar' as const };
  const launch = async () => {
    await images.kernel(undefined, signal());
    await images.kernel(spec, signal());
    await images.initrd(undefined, signal());
  };
  await launch();
  await images.leaveAside({});
  await images.leaveAside({ kernel: spec });
  unpacked.length = 0;
  await launch();
  await launch();
  expect(unpacked).toEqual(['kernel oci:/kernel anew', 'kernel oci:/stored anew', 'initrd oci:/initrd anew']);
});
