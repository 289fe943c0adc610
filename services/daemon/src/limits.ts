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
