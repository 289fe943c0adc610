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
  /** Has the next launch with this kernel and ramdisk read both images and unpack them again. */
  leaveAside(images: {
    readonly kernel?: ImageSpec | undefined;
    readonly initrd?: ImageSpec | undefined;
  }): Promise<void>;
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
 * Unpacks each image once, but for defaults that are not to be cached and for what was left aside; a failed attempt is
 * made again when it is next needed.
 */
export function createBootImages(deps: BootImageDeps): BootImages {
  const kernels = unpackedImages(deps.unpackKernel);
  const initrds = unpackedImages(deps.unpackInitrd);

  async function stored(spec: ImageSpec): Promise<string> {
    const reference = await deps.findStored(spec);
    if (reference !== undefined) return reference;
    throw new ConnectError(`there is no image ${spec.digest}; pull it first`, Code.NotFound);
  }

  const kernelOf = async (spec: ImageSpec | undefined) =>
    spec === undefined ? deps.kernelReference : await stored(spec);
  const initrdOf = async (spec: ImageSpec | undefined) =>
    spec === undefined ? deps.initrdReference : await stored(spec);

  return {
    kernel: async (spec) => await kernels.get(await kernelOf(spec), spec !== undefined || deps.cacheKernel),
    initrd: async (spec) => await initrds.get(await initrdOf(spec), spec !== undefined || deps.cacheInitrd),
    async check(spec) {
      if (spec !== undefined) await stored(spec);
    },
    async leaveAside({ kernel, initrd }) {
      kernels.leaveAside(await kernelOf(kernel));
      initrds.leaveAside(await initrdOf(initrd));
    },
  };
}

/** Images of one kind, by their references. */
function unpackedImages<T>(unpack: (reference: string, anew: boolean, signal: AbortSignal) => Promise<T>) {
  const known = new Map<string, Promise<T>>();
  const aside = new Set<string>();
  // The unpacking serves every zone that waits for it, so no single zone's signal ends it.
  const untilDone = () => AbortSignal.timeout(120_000);
  return {
    get: async (reference: string, cached: boolean): Promise<T> =>
      cached
        ? await once(known, reference, () => unpack(reference, aside.delete(reference), untilDone()))
        : await unpack(reference, true, untilDone()),
    leaveAside(reference: string): void {
      known.delete(reference);
      aside.add(reference);
    },
  };
}

async function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return await before;
  const making = make();
  known.set(key, making);
  making.catch(() => {
    if (known.get(key) === making) known.delete(key);
  });
  return await making;
}
