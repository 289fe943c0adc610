import type { ControlDeps, ControlMethods } from './deps.ts';

/** The PCI devices of daemon.toml; none can be given to a zone yet. */
export function listDevices({ config }: Pick<ControlDeps, 'config'>): ControlMethods['listDevices'] {
  return () => ({
    devices: Object.keys(config.pci.devices).map((name) => ({ name, claimed: false, ownerZone: '' })),
  });
}
