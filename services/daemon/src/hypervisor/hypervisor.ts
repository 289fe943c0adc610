import type { Duplex } from 'node:stream';
import type { ZoneId } from '@protect/config/ids';
import type { DomainUsage } from './domain-usage.ts';

/** What a driver can do; callers ask this instead of the driver's name. */
export interface HypervisorCapabilities {
  readonly name: 'qemu' | 'xen';
  readonly virtualizationBackends: readonly ('pv' | 'pvh' | 'qemu')[];
  readonly diskHotplug: boolean;
  readonly memoryBalloon: boolean;
  readonly cpuHotplug: boolean;
  readonly hypervisorConsole: boolean;
  readonly pciPassthrough: boolean;
  /** Hardware acceleration in use, or emulation. */
  readonly acceleration: 'kvm' | 'tcg' | 'xen';
  /** Who makes the host's end of a link: protect-network a tap, or the hypervisor's back end a vif. */
  readonly linkKind: 'tap' | 'vif';
}

/** A disk as protect-storage provides it. */
export interface DomainDisk {
  /** 1 to 20 characters; the zone finds the disk by it. */
  readonly serial: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** A tap that protect-network has made for the machine. */
export interface DomainTap {
  readonly kind: 'tap';
  readonly hostInterface: string;
  /** Namespace that holds the interface; undefined for the host's own. */
  readonly netnsPath: string | undefined;
  readonly mac: string;
}

/** An interface that the hypervisor's own back end makes when the machine is built. */
export interface DomainVif {
  readonly kind: 'vif';
  readonly mac: string;
  /**
   * Hands the interface to protect-network under the name it has now; settles when link and policy are in
   * force. The interface is down until then, and nothing else brings it up.
   */
  readonly attach: (hostInterface: string, signal: AbortSignal) => Promise<void>;
}

/** A link; its kind is the one that the driver declares in its capabilities. */
export type DomainLink = DomainTap | DomainVif;

/** Everything needed to start the virtual machine of a zone. */
export interface DomainSpec {
  readonly zoneId: ZoneId;
  /** The kind of machine asked for, one that the driver declares. */
  readonly virtualization: 'automatic' | 'pv' | 'pvh';
  /** User and group of the hypervisor process, the zone's own. */
  readonly uid: number;
  /** Uncompressed kernel (ELF vmlinux). */
  readonly kernelPath: string;
  readonly initrdPath: string;
  /** Complete but for what the driver adds for its own console and IDM devices. */
  readonly kernelCmdline: string;
  readonly verboseConsole: boolean;
  /** What it has at first; its balloon, where there is one, moves it up to the maximum. */
  readonly memoryMib: number;
  readonly maxMemoryMib: number;
  readonly cpus: number;
  readonly maxCpus: number;
  readonly disks: readonly DomainDisk[];
  readonly links: readonly DomainLink[];
}

/** Why a domain is gone. */
export type DomainEnd =
  | { readonly kind: 'poweroff' }
  | { readonly kind: 'reboot' }
  | { readonly kind: 'crash'; readonly message: string }
  | { readonly kind: 'lost'; readonly message: string };

/**
 * A running (or just ended) virtual machine. It outlives the daemon; closing this object lets go of it
 * without harm to the zone.
 */
export interface Domain {
  readonly zoneId: ZoneId;
  /** Xen's domain number, or the hypervisor's process id under QEMU. */
  readonly domid: number;
  /** Settles when the machine has ended; never rejects. */
  readonly ended: Promise<DomainEnd>;
  /**
   * The zone's IDM byte stream, at most one open at a time. Ends when the zone or the connection does;
   * the caller may open again while the domain lives.
   */
  openIdm(signal: AbortSignal): Promise<Duplex>;
  /** The zone's console; the same rules as IDM. */
  openConsole(signal: AbortSignal): Promise<Duplex>;
  /** FAILED_PRECONDITION where the driver has no disk hot-plug. */
  attachDisk(disk: DomainDisk, signal: AbortSignal): Promise<void>;
  /** Settles when the hypervisor has let go of the file; absent disks are no error. */
  detachDisk(serial: string, signal: AbortSignal): Promise<void>;
  /** Serials of the hot-plugged disks, as the hypervisor tells. */
  listDisks(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Gives the zone this much memory by its balloon, MiB, at most what it was started with at most. Settles when the
   * zone has it; DEADLINE_EXCEEDED says how far it came, and it goes on. FAILED_PRECONDITION where there is no balloon.
   */
  setMemory(memoryMib: number, signal: AbortSignal): Promise<void>;
  /**
   * Plugs CPUs in or out until the machine has this many, at most what it was started with at most. The zone itself
   * takes those that come online, and those that go offline before. Where a hypervisor cannot plug one out, it stays
   * offline. FAILED_PRECONDITION when the zone does not let go of one, and where there is no CPU hot-plug.
   */
  setCpus(cpus: number, signal: AbortSignal): Promise<void>;
  /** What the hypervisor counts of the machine. */
  usage(signal: AbortSignal): Promise<DomainUsage>;
  pause(signal: AbortSignal): Promise<void>;
  resume(signal: AbortSignal): Promise<void>;
  /** Ends the machine at once and settles when nothing of it is left on the host. Idempotent. */
  destroy(signal: AbortSignal): Promise<void>;
  /** Lets go of control connections; the machine goes on. */
  close(): void;
}

/** One hypervisor on this host. */
export interface Hypervisor {
  readonly capabilities: HypervisorCapabilities;
  /** Settles once the machine runs; on failure nothing of it is left and the error says why. */
  start(spec: DomainSpec, signal: AbortSignal): Promise<Domain>;
  /**
   * Finds the machine of a zone that an earlier daemon started, proves that it is the same one, and
   * takes it over; undefined when it no longer runs.
   */
  adopt(zoneId: ZoneId, signal: AbortSignal): Promise<Domain | undefined>;
  /** Ids of all zones that have a machine here, ours alone. */
  list(signal: AbortSignal): Promise<readonly ZoneId[]>;
  /** What the hypervisor has printed. FAILED_PRECONDITION where it keeps no messages, naming a driver that does. */
  readConsole(signal: AbortSignal): Promise<string>;
  /** All that it tells of host, machines and devices, for JSON. FAILED_PRECONDITION as for its console. */
  debugInfo(signal: AbortSignal): Promise<object>;
}
