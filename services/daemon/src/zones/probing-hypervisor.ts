import type { Hypervisor } from '../hypervisor/hypervisor.ts';

type Acceleration = 'kvm' | 'tcg';

/**
 * A hypervisor that finds out how machines run fastest here before it starts the first; machines of an
 * earlier daemon are found without that. `probe` is asked again after a failure.
 */
export function probingHypervisor(
  make: (acceleration: Acceleration) => Hypervisor,
  probe: () => Promise<Acceleration>,
): Hypervisor & { readonly probed: () => Promise<void> } {
  let hypervisor = make('tcg');
  let probing: Promise<void> | undefined;

  async function probed(): Promise<void> {
    probing ??= probe().then((acceleration) => {
      if (acceleration !== 'tcg') hypervisor = make(acceleration);
    });
    try {
      await probing;
    } catch (error) {
      probing = undefined;
      throw error;
    }
  }

  return {
    probed,
    get capabilities() {
      return hypervisor.capabilities;
    },
    async start(spec, signal) {
      await probed();
      return await hypervisor.start(spec, signal);
    },
    adopt: (zoneId, signal) => hypervisor.adopt(zoneId, signal),
    list: (signal) => hypervisor.list(signal),
    readConsole: (signal) => hypervisor.readConsole(signal),
    debugInfo: (signal) => hypervisor.debugInfo(signal),
  };
}
