import { Code, ConnectError } from '@connectrpc/connect';
import type { DaemonConfig } from '@protect/config/daemon-config';
import type { HypervisorCapabilities } from '../hypervisor/hypervisor.ts';
import type { ZoneRecord, ZoneSpec } from '../state/zone-record.ts';

/** NOT_FOUND for a scratch disk that daemon.toml does not name. */
export function checkScratch({ scratch }: ZoneSpec, block: DaemonConfig['block']): void {
  if (scratch.kind === 'block') checkKnown('block device', scratch.device, Object.keys(block.devices));
}

/**
 * NOT_FOUND for a PCI device that daemon.toml does not name, FAILED_PRECONDITION where the hypervisor cannot
 * pass devices through.
 */
export function checkPciDevices(
  { devices }: ZoneSpec,
  pci: DaemonConfig['pci'],
  hypervisor: Pick<HypervisorCapabilities, 'name' | 'pciPassthrough'>,
): void {
  for (const device of devices) checkKnown('PCI device', device, Object.keys(pci.devices));
  const [device] = devices;
  if (device === undefined || hypervisor.pciPassthrough) return;
  const remedy =
    hypervisor.name === 'xen' ? 'this release cannot do it yet' : 'that needs a host that runs Xen';
  const text = `the hypervisor ${hypervisor.name} does not pass the PCI device ${device} through; ${remedy}`;
  throw new ConnectError(text, Code.FailedPrecondition);
}

/** RESOURCE_EXHAUSTED, naming the zone, when one of `zones` has a device that this one asks for. */
export function checkFree(spec: ZoneSpec, zones: readonly ZoneRecord[]): void {
  const held = zones.filter((zone) => zone.held);
  for (const asked of devicesOf(spec)) {
    const having = held.find((zone) => devicesOf(zone.spec).includes(asked));
    if (having === undefined) continue;
    throw new ConnectError(
      `zone ${having.id} has the ${asked}; destroy that zone first`,
      Code.ResourceExhausted,
    );
  }
}

function devicesOf({ scratch, devices }: ZoneSpec): string[] {
  const disks = scratch.kind === 'block' ? [`block device ${scratch.device}`] : [];
  return [...disks, ...devices.map((device) => `PCI device ${device}`)];
}

function checkKnown(kind: string, device: string, known: readonly string[]): void {
  if (known.includes(device)) return;
  const text = `there is no ${kind} ${device} in daemon.toml; it has: ${known.join(', ') || 'none'}`;
  throw new ConnectError(text, Code.NotFound);
}
