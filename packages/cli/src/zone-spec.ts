import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  OciImageFormat,
  ZoneNetworkBackend,
  type ZoneSpecSchema,
  ZoneVirtualizationBackend,
} from '@protect/proto/control-common';
import type { KeyValue } from './arguments.ts';
import type { Cli } from './cli.ts';
import { usageError } from './command-error.ts';
import { pullImage } from './pull-image.ts';
import { type ResourceOptions, resourcesSpec } from './zone-resources.ts';

/** What `--virt-backend` takes. */
export const virtualizations = {
  auto: ZoneVirtualizationBackend.AUTOMATIC,
  pv: ZoneVirtualizationBackend.PV,
  pvh: ZoneVirtualizationBackend.PVH,
};

/** What `--network-backend` takes. */
export const networks = {
  default: ZoneNetworkBackend.DEFAULT,
  none: ZoneNetworkBackend.NONE,
  external: ZoneNetworkBackend.EXTERNAL,
  passthrough: ZoneNetworkBackend.PASSTHROUGH,
};

/** What is asked for of a new zone, as options give it. */
export interface ZoneOptions extends ResourceOptions {
  readonly name?: string;
  readonly annotation?: readonly KeyValue[];
  readonly kernel?: string;
  readonly kernelVariant?: string;
  readonly initrd?: string;
  readonly addon?: readonly string[];
  readonly kernelVerbose?: boolean;
  readonly kernelCmdlineAppend?: string;
  readonly kernelModule?: readonly string[];
  readonly kernelModuleParameter?: readonly { readonly module: string; readonly parameter: string }[];
  readonly sysctl?: readonly KeyValue[];
  readonly device?: readonly string[];
  readonly virtBackend?: keyof typeof virtualizations;
  readonly networkBackend?: keyof typeof networks;
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
  readonly assumeNetworkReservation?: string;
  readonly retainNetworkReservation?: boolean;
  readonly createScratchDisk?: number;
  readonly attachScratchDisk?: string;
  readonly pullOverwriteCache?: boolean;
  readonly pullUpdate?: boolean;
}

type ZoneSpecInit = MessageInitShape<typeof ZoneSpecSchema>;

/** What the options ask for, its images pulled; everything left out is the daemon's choice. */
export async function zoneSpec(cli: Cli, options: ZoneOptions): Promise<ZoneSpecInit> {
  return {
    name: options.name ?? '',
    annotations: (options.annotation ?? []).map((annotation) => ({ ...annotation })),
    ...(await images(cli, options)),
    kernelOptions: {
      verbose: options.kernelVerbose === true,
      cmdlineAppend: options.kernelCmdlineAppend ?? '',
      modules: [...(options.kernelModule ?? [])],
      moduleParameters: (options.kernelModuleParameter ?? []).map((parameter) => ({ ...parameter })),
      sysctlParameters: (options.sysctl ?? []).map((parameter) => ({ ...parameter })),
    },
    initialResources: resourcesSpec(options),
    devices: (options.device ?? []).map((name) => ({ name })),
    networkOptions: networkOptions(options),
    virtualizationOptions: { backend: virtualizations[options.virtBackend ?? 'auto'] },
    ...scratchDisk(options),
  };
}

async function images(
  cli: Cli,
  options: ZoneOptions,
): Promise<Pick<ZoneSpecInit, 'kernel' | 'initrd' | 'addons'>> {
  const pull = (reference: string, format: OciImageFormat) =>
    pullImage(cli, reference, {
      format,
      overwriteCache: options.pullOverwriteCache === true,
      update: options.pullUpdate === true,
    });
  const wanted = options.kernel ?? (await kernelOfVariant(cli, options.kernelVariant));
  const kernel = wanted === undefined ? {} : { kernel: await pull(wanted, OciImageFormat.TAR) };
  const initrd =
    options.initrd === undefined ? {} : { initrd: await pull(options.initrd, OciImageFormat.TAR) };
  const addons = [];
  for (const addon of options.addon ?? []) addons.push(await pull(addon, OciImageFormat.SQUASHFS));
  return { ...kernel, ...initrd, addons };
}

async function kernelOfVariant(cli: Cli, wanted: string | undefined): Promise<string | undefined> {
  if (wanted === undefined) return undefined;
  const { kernelVariants } = await import('./kernel-variants.ts');
  const variants = await kernelVariants(cli);
  const found = variants.find(({ name }) => name === wanted);
  if (found !== undefined) return found.image;
  const names = variants.map(({ name }) => name).join(', ');
  const remedy = names === '' ? 'it names none' : `it names ${names}`;
  throw usageError(`--kernel-variant ${wanted}: daemon.toml has no such kernel; ${remedy}`);
}

function networkOptions(options: ZoneOptions): NonNullable<ZoneSpecInit['networkOptions']> {
  const { dns = [], dnsSearch = [], dnsOption = [] } = options;
  const hasDns = dns.length + dnsSearch.length + dnsOption.length > 0;
  return {
    backend: networks[options.networkBackend ?? 'default'],
    assumeNetworkReservation: options.assumeNetworkReservation ?? '',
    retainNetworkReservation: options.retainNetworkReservation === true,
    ...(hasDns
      ? { dnsConfig: { nameservers: [...dns], searches: [...dnsSearch], options: [...dnsOption] } }
      : {}),
  };
}

function scratchDisk(options: ZoneOptions): Pick<ZoneSpecInit, 'scratchDisk'> {
  if (options.createScratchDisk !== undefined) {
    const size = BigInt(options.createScratchDisk);
    return { scratchDisk: { backend: { case: 'image', value: { size } } } };
  }
  if (options.attachScratchDisk !== undefined) {
    return { scratchDisk: { backend: { case: 'block', value: { device: options.attachScratchDisk } } } };
  }
  return {};
}
