import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { StatePaths } from '@protect/config/paths';
import { ConfigurationError } from '@protect/service/errors';
import type { Logger } from 'pino';
import { type HostProcessors, kernelProcessors } from '../host/processors.ts';
import { type HostMemory, readHostMemory } from '../zones/admission.ts';
import type { BootImages } from '../zones/boot-images.ts';
import { probingHypervisor } from '../zones/probing-hypervisor.ts';
import type { Hypervisor } from './hypervisor.ts';
import { probeAcceleration } from './qemu/acceleration.ts';
import { createQemuHypervisor } from './qemu/driver.ts';
import { isDom0 } from './xen/dom0.ts';
import { createXenHypervisor } from './xen/driver.ts';
import { readXenHost } from './xen/host.ts';
import { xenProcessors } from './xen/processors.ts';

export interface ChoiceOptions {
  readonly paths: StatePaths;
  readonly logger: Logger;
  readonly bootImages: Pick<BootImages, 'kernel'>;
  /** Aborted when the daemon stops. */
  readonly signal: AbortSignal;
}

/** This host's hypervisor, and what it has for zones. */
export interface ChosenHypervisor {
  readonly hypervisor: Hypervisor;
  /** Does ahead what the first zone would otherwise wait for. */
  readonly prepare: () => Promise<void>;
  readonly memory: () => Promise<HostMemory>;
  readonly cpus: number;
  readonly processors: HostProcessors;
}

/**
 * The driver that the value of `--hypervisor` asks for: `xen`, `qemu`, or `auto`, which takes Xen in its
 * Dom0 and QEMU elsewhere. A ConfigurationError when there is no such driver, or it cannot work here.
 */
export async function chooseHypervisor(asked: unknown, options: ChoiceOptions): Promise<ChosenHypervisor> {
  switch (asked) {
    case undefined:
    case 'auto':
      return (await isDom0()) ? await chooseXen(options) : chooseQemu(options);
    case 'qemu':
      return chooseQemu(options);
    case 'xen':
      if (await isDom0()) return await chooseXen(options);
      throw new ConfigurationError('--hypervisor xen: this host is not the Dom0 of a Xen');
    default:
      throw new ConfigurationError(`--hypervisor ${String(asked)}: it is auto, xen or qemu`);
  }
}

async function chooseXen({ paths, logger, bootImages, signal }: ChoiceOptions): Promise<ChosenHypervisor> {
  const { cpus } = await readXenHost(signal);
  return {
    hypervisor: createXenHypervisor({ paths, logger }),
    prepare: async () => void (await bootImages.kernel(undefined, signal)),
    memory: () => readXenHost(signal),
    cpus,
    processors: xenProcessors,
  };
}

function chooseQemu({ paths, logger, bootImages, signal }: ChoiceOptions): ChosenHypervisor {
  const hypervisor = probingHypervisor(
    (acceleration) => createQemuHypervisor({ paths, logger, acceleration }),
    async () => {
      const { kernelPath } = await bootImages.kernel(undefined, signal);
      const recordPath = join(paths.bootCache, 'acceleration.json');
      return await probeAcceleration({ kernelPath, recordPath, logger, signal });
    },
  );
  return {
    hypervisor,
    prepare: () => hypervisor.probed(),
    memory: () => readHostMemory(),
    cpus: availableParallelism(),
    processors: kernelProcessors,
  };
}
