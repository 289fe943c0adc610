/** The hypervisor's own account of a machine: nothing of it comes from the zone. */
export interface DomainUsage {
  /** Processor time that the machine has taken since its start; under QEMU that of the whole process. */
  readonly cpuSeconds: number;
  /** The virtual CPUs that are online, with the time that each has run. */
  readonly vcpus: readonly { readonly cpu: number; readonly seconds: number }[];
  /** The most memory that the machine may have. */
  readonly memoryMaxBytes: number;
  /** The host's memory that it has now; under QEMU with what QEMU itself needs. */
  readonly memoryTotalBytes: number;
  /** Promised to it and not given yet, where the hypervisor counts that. */
  readonly memoryOutstandingBytes: number | undefined;
}
