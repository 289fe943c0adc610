import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationError } from './configuration-error.ts';
import { type DaemonToml, daemonToml } from './daemon-schema.ts';
import { formatDaemonToml } from './format-daemon-toml.ts';
import { type HostView, hostProblems } from './host-problems.ts';
import { inOrder, readDaemonToml } from './read-daemon-toml.ts';

/** One logical PCI device that a zone may be given, by its name in daemon.toml. */
export interface PciDeviceConfig {
  /** Addresses such as 0000:01:00.0, lower case; at least one, none shared with another device. */
  readonly locations: readonly string[];
  readonly permissive: boolean;
  readonly msiTranslate: boolean;
  readonly powerManagement: boolean;
  readonly rdmReservePolicy: 'strict' | 'relaxed';
  /** Modules that the zone loads for the device, in order. */
  readonly modules: readonly string[];
  readonly moduleParameters: Readonly<Record<string, readonly string[]>>;
}

/** Upper bounds of this host. */
export interface LimitsConfig {
  readonly zones: number;
  readonly workloads: number;
  readonly workloadsPerZone: number;
  /** Clients connected with the control API. */
  readonly connections: number;
  /** Streaming calls of the control API under way. */
  readonly streams: number;
  /** The same, of one user of this host, client certificate or service. */
  readonly streamsPerCaller: number;
  /** Of one message that the control API takes. */
  readonly messageKib: number;
  /** Of the output of one run of a workload. */
  readonly workloadLogMib: number;
  /** Of one zone's console. */
  readonly consoleLogMib: number;
}

/** Where the control API is served over TCP, with mutual TLS. */
export interface TcpListenConfig {
  /** An IP address and a port, an IPv6 address in brackets. */
  readonly address: string;
  /** Absolute paths of PEM files. */
  readonly certPath: string;
  readonly keyPath: string;
  readonly clientCaPath: string;
}

/** How one registry is reached. */
export interface RegistryConfig {
  /** Hosts (and ports) that are asked first, in this order. */
  readonly mirrors: readonly string[];
  /** Absolute path of a PEM file; undefined: only the certificates of the host are trusted. */
  readonly caFile: string | undefined;
  /** undefined: only loopback without a `caFile`. */
  readonly plainHttp: boolean | undefined;
}

/** daemon.toml with every default filled in. */
export interface DaemonConfig {
  readonly oci: {
    /** Host (and port) asked for images of Docker Hub; index.docker.io is Docker Hub itself. */
    readonly dockerHubMirror: string;
  };
  readonly zone: {
    readonly cacheDefaultKernel: boolean;
    readonly cacheDefaultInitrd: boolean;
    /** Memory of a zone that asks for none. */
    readonly memoryLimitMib: number;
    /** OCI references by the name that `--kernel-variant` takes. */
    readonly kernelVariants: Readonly<Record<string, string>>;
  };
  readonly network: {
    readonly nameservers: readonly string[];
    /** Subnets in CIDR form without host bits. */
    readonly ipv4: { readonly subnet: string };
    readonly ipv6: { readonly subnet: string };
  };
  readonly pci: { readonly devices: Readonly<Record<string, PciDeviceConfig>> };
  readonly block: { readonly devices: Readonly<Record<string, { readonly path: string }>> };
  readonly runtime: {
    readonly hypervisor: 'auto' | 'xen' | 'qemu';
    /** Configuration file of Docker with credentials for registries; undefined: none. It may not exist. */
    readonly dockerConfigPath: string | undefined;
    readonly listen: {
      /** Name or number of the group that may use the control socket; undefined: protect, if there is one. */
      readonly group: string | undefined;
      /** undefined: no TCP. */
      readonly tcp: TcpListenConfig | undefined;
    };
    /** undefined: the nats-server of this state folder. */
    readonly natsUrl: string | undefined;
    readonly limits: LimitsConfig;
    /** What differs for some registries, by host as image references name it. */
    readonly registries: Readonly<Record<string, RegistryConfig>>;
  };
}

const maxFileBytes = 1024 * 1024;

export interface LoadOptions {
  /** Writes a missing file first, with commented defaults (mode 0640). */
  readonly writeDefault?: boolean;
  /** The host that has to have what the file names; without it only the text is checked. */
  readonly host?: HostView;
}

/** Reads daemon.toml. Throws ConfigurationError with every problem of the file at once. */
export async function loadDaemonConfig(path: string, options: LoadOptions = {}): Promise<DaemonConfig> {
  if (options.writeDefault === true) await writeIfMissing(path, formatDaemonToml(daemonToml.parse({})));
  const reading = readDaemonToml(await readConfigFile(path), path);
  const onHost = options.host === undefined ? [] : await hostProblems(reading, options.host);
  if (reading.toml !== undefined && onHost.length === 0) return toConfig(reading.toml);
  throw new ConfigurationError(inOrder([...reading.problems, ...onHost]));
}

/** The configuration that `text` says; `file` is only named in errors. Throws ConfigurationError. */
export function parseDaemonConfig(text: string, file: string): DaemonConfig {
  const { toml, problems } = readDaemonToml(text, file);
  if (toml !== undefined) return toConfig(toml);
  throw new ConfigurationError(problems);
}

async function writeIfMissing(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  if (await stat(path).catch(() => undefined)) return;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, text, { mode: 0o640, flag: 'wx' });
    // A link never replaces a file that appeared meanwhile, and never shows a half-written one.
    await link(temporary, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) {
      throw fileError(
        path,
        `cannot write the default configuration: ${reason(error)}; make its folder writable`,
        error,
      );
    }
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function readConfigFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) throw fileError(path, `${size} bytes are too many; at most ${maxFileBytes}`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const why = hasCode(error, 'ENOENT')
      ? 'there is no such file; start protect-daemon once to have it written'
      : error instanceof TypeError
        ? 'it is not UTF-8 text; save it as UTF-8'
        : `cannot be read: ${reason(error)}`;
    throw fileError(path, why, error);
  }
}

function fileError(file: string, message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError([{ file, key: '', message }], { cause });
}

function toConfig({ oci, zone, network, pci, block, runtime }: DaemonToml): DaemonConfig {
  const { hypervisor, listen, nats, limits, registries } = runtime;
  return {
    oci: { dockerHubMirror: oci['docker-hub-mirror'] },
    zone: {
      cacheDefaultKernel: zone['cache-default-kernel'],
      cacheDefaultInitrd: zone['cache-default-initrd'],
      memoryLimitMib: zone['memory-limit-mb'],
      kernelVariants: zone['kernel-variants'],
    },
    network,
    pci: {
      devices: Object.fromEntries(
        Object.entries(pci.devices).map(([name, device]) => [name, toPciDevice(device)]),
      ),
    },
    block,
    runtime: {
      hypervisor,
      dockerConfigPath: runtime['docker-config'] === 'none' ? undefined : runtime['docker-config'],
      listen: { group: listen.group, tcp: toTcp(listen.tcp) },
      natsUrl: nats.url,
      limits: {
        zones: limits.zones,
        workloads: limits.workloads,
        workloadsPerZone: limits['workloads-per-zone'],
        connections: limits.connections,
        streams: limits.streams,
        streamsPerCaller: limits['streams-per-caller'],
        messageKib: limits['message-kib'],
        workloadLogMib: limits['workload-log-mib'],
        consoleLogMib: limits['console-log-mib'],
      },
      registries: Object.fromEntries(
        Object.entries(registries).map(([host, registry]) => [host, toRegistry(registry)]),
      ),
    },
  };
}

function toPciDevice(device: DaemonToml['pci']['devices'][string]): PciDeviceConfig {
  return {
    locations: device.locations,
    permissive: device.permissive,
    msiTranslate: device['msi-translate'],
    powerManagement: device['power-management'],
    rdmReservePolicy: device['rdm-reserve-policy'],
    modules: device.modules,
    moduleParameters: device['module-parameters'],
  };
}

function toRegistry(registry: DaemonToml['runtime']['registries'][string]): RegistryConfig {
  return {
    mirrors: registry.mirrors,
    caFile: registry['ca-file'],
    plainHttp: registry['plain-http'],
  };
}

function toTcp(tcp: DaemonToml['runtime']['listen']['tcp']): TcpListenConfig | undefined {
  if (tcp === undefined) return undefined;
  return { address: tcp.address, certPath: tcp.cert, keyPath: tcp.key, clientCaPath: tcp['client-ca'] };
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
