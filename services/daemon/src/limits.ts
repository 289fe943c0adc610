/**
 * What the daemon holds at most, beside what `[runtime.limits]` of daemon.toml says. The limits of a protocol
 * stand with it: packages/bus/src/limits.ts (NATS), idm/limits.ts (zones). docs/limits.md lists them all.
 */

/** Records of the audit that wait for NATS; beyond, the oldest are in the log alone. */
export const auditQueueMax = 4_096;

/** Unary calls of all callers under way. */
export const unaryCallsMax = 4_096;

/** Unary calls of one caller under way. */
export const unaryCallsPerCallerMax = 1_024;

/** Callers of WatchEvents at a time. */
export const watchersMax = 256;

/**
 * Changes that wait in full for a caller of WatchEvents who is behind; from there on, until it has caught up,
 * only the newest state of each object and every final one waits.
 */
export const watchBacklog = 256;

/** Changes that wait for one caller of WatchEvents at most; one more ends its stream. */
export const watchPendingMax = 16_384;

/** How long a caller of WatchEvents may take nothing while something waits before its stream ends, ms. */
export const watchStallMs = 60_000;

/** Bytes of the name of a zone or workload. */
export const nameBytesMax = 253;

/** Annotations of a zone or workload. */
export const annotationsMax = 256;

/** Bytes of all annotations of a zone or workload, as Kubernetes has it for its own. */
export const annotationBytesMax = 256 * 1024;

/** Bytes of a zone's kernel command line; the kernel takes 2,048. */
export const kernelCmdlineBytesMax = 1_024;

/** Modules that a zone is asked to load, with parameters or without. */
export const kernelModulesMax = 64;

/** Parameters of one of them. */
export const moduleParametersMax = 16;

/** Kernel settings of a zone. */
export const sysctlsMax = 128;

/** Name servers of a zone, and as many search domains and options. */
export const dnsEntriesMax = 16;

/** Further images whose content a zone mounts. */
export const addonsMax = 16;

/** Paths of a workload that are kept on its zone's scratch. */
export const scratchMountsMax = 64;

/** Objects in one message of a list. */
export const pageItemsMax = 100;

/** Bytes of the objects in one message of a list, unless a single one is larger; many gRPC clients take 4 MiB. */
export const pageBytesMax = 1024 * 1024;

/** Events that wait for the stream at most; the oldest go first. */
export const outboxMax = 10_000;

/** Packets that one caller of SnoopIdm may be behind; it is told how many it missed. */
export const snoopQueueMax = 1_024;

/** Bytes of packets that one caller of SnoopIdm may be behind. */
export const snoopQueueMaxBytes = 4 * 1024 * 1024;

/** Bytes of packets under way to those who listen on NATS; packets beyond are skipped, and counted. */
export const idmUnderWayBytesMax = 1024 * 1024;

/** How long a zone and its hypervisor may take to tell their metrics, ms. */
export const metricAnswerMs = 5_000;

/** Processes of a zone in its metrics, as many as its init tells of. */
export const metricProcessesMax = 256;

/** Processors of a zone in its metrics, as many as its init tells of. */
export const metricCpusMax = 256;

/** Bytes of each thing that a zone's process says of itself in metrics. */
export const metricStringBytesMax = 256;

/** How long the next chunk of an uploaded image may take, ms. */
export const uploadStallMs = 60_000;

/**
 * How long a dialled connection is kept whose other end has ended its direction, when the caller neither sends anything
 * nor ends its own, ms: callers that do not know better wait for the end of the call first.
 */
export const dialLingerMs = 5_000;
