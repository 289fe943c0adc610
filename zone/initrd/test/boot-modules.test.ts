import { describe, expect, test } from 'vitest';
import { bootModules, bootParameters, loadOrder, moduleName } from '../boot-modules.ts';

const dependencies = [
  'kernel/virtio/virtio.ko:',
  'kernel/virtio/virtio_ring.ko: kernel/virtio/virtio.ko',
  'kernel/virtio/virtio_pci.ko: kernel/virtio/virtio_ring.ko kernel/virtio/virtio.ko',
  'kernel/net/virtio-net.ko.zst: kernel/virtio/virtio_ring.ko',
].join('\n');

describe('the order of boot modules', () => {
  test('each module comes once, after those it depends on, in the order asked for', () => {
    expect(loadOrder(['virtio_pci', 'virtio_net'], dependencies, '')).toEqual([
      'kernel/virtio/virtio.ko',
      'kernel/virtio/virtio_ring.ko',
      'kernel/virtio/virtio_pci.ko',
      'kernel/net/virtio-net.ko.zst',
    ]);
  });

  test('what is built into the kernel is left out', () => {
    expect(loadOrder(['ext4'], dependencies, 'kernel/fs/ext4/ext4.ko\n')).toEqual([]);
  });

  test('a module that the kernel does not have stops the build with its name', () => {
    expect(() => loadOrder(['squashfs'], dependencies, '')).toThrow(/no module squashfs/);
  });

  test('each hypervisor’s list begins with the channel to the host and has none of the other’s drivers', () => {
    expect(bootModules.qemu.slice(0, 2)).toEqual(['virtio_pci', 'virtio_console']);
    expect(bootModules.xen.slice(0, 2)).toEqual(['xen_evtchn', 'xen_gntalloc']);
    expect(bootModules.qemu.filter((name) => name.startsWith('xen'))).toEqual([]);
    expect(bootModules.xen.filter((name) => name.startsWith('virtio'))).toEqual([]);
  });

  test('only modules that a list has are given parameters', () => {
    const names = new Set<string>([...bootModules.qemu, ...bootModules.xen]);
    expect(Object.keys(bootParameters).filter((name) => !names.has(name))).toEqual([]);
  });

  test('names have underscores, however the file is called', () => {
    expect(moduleName('kernel/drivers/xen-blkfront.ko')).toBe('xen_blkfront');
    expect(moduleName('kernel/net/virtio-net.ko.zst')).toBe('virtio_net');
  });
});
