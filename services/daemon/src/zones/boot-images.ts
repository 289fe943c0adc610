import { Code, ConnectError } from '@connectrpc/connect';
import type { UnpackedInitrd, UnpackedKernel } from '@protect/oci/zone-kernel';
import type { ImageSpec } from '../state/image-spec.ts';

/** Kernels and ramdisks, unpacked for the hypervisor. */
export interface BootImages {
  /** The kernel of a zone; the default one for undefined. NOT_FOUND when there is none. */
  kernel(spec: ImageSpec | undefined, signal: AbortSignal): Promise<UnpackedKernel>;
  initrd(spec: ImageSpec | undefined, signal: AbortSignal): Promise<UnpackedInitrd>;
  /** NOT_FOUND when the store does not hold an image that is asked for by digest. */
  check(spec: ImageSpec | undefined): Promise<void>;
}

export interface BootImageDeps {
  /** Where the defaults come from, for errors. */
  readonly kernelReference: string;
  readonly initrdReference: string;
  /** Whether the default one, once unpacked, serves all later launches; without it each launch reads its image. */
  readonly cacheKernel: boolean;
  readonly cacheInitrd: boolean;
  /** `anew` leaves aside what was unpacked before. */
  readonly unpackKernel: (reference: string, anew: boolean, signal: AbortSignal) => Promise<UnpackedKernel>;
  readonly unpackInitrd: (reference: string, anew: boolean, signal: AbortSignal) => Promise<UnpackedInitrd>;
  /** A reference to a stored image, or undefined. */
  readonly findStored: (spec: ImageSpec) => Promise<string | undefined>;
}

/**
 * Unpacks each image once, but for defaults that are not to be cached; a failed attempt is made again when it is
 * next needed.
 */
export function createBootImages(deps: BootImageDeps): BootImages {
  const kernels = new Map<string, Promise<UnpackedKernel>>();
  const initrds = new Map<string, Promise<UnpackedInitrd>>();
  // The unpacking serves every zone that waits for it, so no single zone's signal ends it.
  const untilDone = () => AbortSignal.timeout(120_000);

  async function stored(spec: ImageSpec): Promise<string> {
    const reference = await deps.findStored(spec);
    if (reference !== undefined) return reference;
    throw new ConnectError(`there is no image ${spec.digest}; pull it first`, Code.NotFound);
  }

  return {
    async kernel(spec) {
      const { kernelReference, cacheKernel, unpackKernel } = deps;
      if (spec === undefined && !cacheKernel) return await unpackKernel(kernelReference, true, untilDone());
      const reference = spec === undefined ? kernelReference : await stored(spec);
      return await once(kernels, reference, () => unpackKernel(reference, false, untilDone()));
    },
    async initrd(spec) {
      const { initrdReference, cacheInitrd, unpackInitrd } = deps;
      if (spec === undefined && !cacheInitrd) return await unpackInitrd(initrdReference, true, untilDone());
      const reference = spec === undefined ? initrdReference : await stored(spec);
      return await once(initrds, reference, () => unpackInitrd(reference, false, untilDone()));
    },
    async check(spec) {
      if (spec !== undefined) await stored(spec);
    },
  };
}

async function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return await before;
  const making = make();
  known.set(key, making);
  making.catch(() => known.delete(key));
  return await making;
}
