import { Code } from '@connectrpc/connect';
import { parseDaemonConfig } from '@protect/config/daemon-config';
import { expect, test } from 'vitest';
import { checkFree, checkPciDevices, checkScratch } from './named-devices.ts';
import { askedZoneSpec, zoneRecordOf } from './test-zone.ts';

const { pci, block } = parseDaemonConfig(
  '[pci.devices.gpu0]\nlocations = ["0000:01:00.0"]\n[block.devices.scratch0]\npath = "/dev/sdb"',
  'daemon.toml',
);
const qemu = { name: 'qemu', pciPassthrough: false } as const;
const xen = { name: 'xen', pciPassthrough: true } as const;

test('a scratch disk has to be named in [block.devices]', () => {
  const scratch = (device: string) => askedZoneSpec({ scratch: { kind: 'block', device } });
  expect(() => checkScratch(askedZoneSpec(), block)).not.toThrow();
  expect(() => checkScratch(scratch('scratch0'), block)).not.toThrow();
  for (const device of ['scratch1', 'toString']) {
    expect(() => checkScratch(scratch(device), block)).toThrow(
      expect.objectContaining({
        code: Code.NotFound,
        rawMessage: `there is no block device ${device} in daemon.toml; it has: scratch0`,
      }),
    );
  }
});

test('a PCI device has to be named in [pci.devices], and the hypervisor that cannot pass it through names the one that can', () => {
  const asking = (...devices: string[]) => askedZoneSpec({ devices });
  expect(() => checkPciDevices(asking(), pci, qemu)).not.toThrow();
  expect(() => checkPciDevices(asking('gpu0'), pci, xen)).not.toThrow();
  expect(() => checkPciDevices(asking('gpu1'), pci, xen)).toThrow(
    expect.objectContaining({ code: Code.NotFound }),
  );
  expect(() => checkPciDevices(asking('gpu0'), pci, qemu)).toThrow(
    expect.objectContaining({
      code: Code.FailedPrecondition,
      rawMessage:
        'the hypervisor qemu does not pass the PCI device gpu0 through; that needs a host that runs Xen',
    }),
  );
});

test('a device that another zone has, or is about to have, is refused with that zone’s name', () => {
  const scratch = askedZoneSpec({ scratch: { kind: 'block', device: 'scratch0' } });
  const owner = zoneRecordOf({ spec: scratch });
  expect(() => checkFree(scratch, [owner])).toThrow(
    expect.objectContaining({
      code: Code.ResourceExhausted,
      rawMessage: `zone ${owner.id} has the block device scratch0; destroy that zone first`,
    }),
  );
  expect(() => checkFree(scratch, [{ ...owner, held: false }])).not.toThrow();
  expect(() => checkFree(askedZoneSpec({ devices: ['scratch0'] }), [owner])).not.toThrow();
});
