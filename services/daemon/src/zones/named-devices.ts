import { Code, ConnectError } from '@connectrpc/connect';
import type { DaemonConfig } from '@protect/config/daemon-config';
import type { HypervisorCapabilities } from '../hypervisor/hypervisor.ts';
import type { ZoneSpec } from '../state/zone-record.ts';

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

function checkKnown(kind: string, device: string, known: readonly string[]): void {
  if (known.includes(device)) return;
  const text = `there is no ${kind} ${device} in daemon.toml; it has: ${known.join(', ') || 'none'}`;
  throw new ConnectError(text, Code.NotFound);
}
