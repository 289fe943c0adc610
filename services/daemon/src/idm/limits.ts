import { performance } from 'node:perf_hooks';

/** What one zone may cost the daemon in one turn of the event loop before its channel is paused. */
export interface IdmBudget {
  /** Bytes received or searched in a turn. */
  readonly bytesPerTurn: number;
  /** Frames handled in a turn. */
  readonly framesPerTurn: number;
}

export const defaultIdmBudget: IdmBudget = { bytesPerTurn: 64 * 1024, framesPerTurn: 500 };

/** Requests that may wait for one zone's answer. */
export const pendingRequestsMax = 1024;

/** Streams that may be open to one zone. */
export const openStreamsMax = 1024;

/** Bytes of control frames that may wait for one zone to read them. */
export const controlQueueMaxBytes = 1024 * 1024;

/** Payload bytes that a zone may send on a stream before the host has granted more. */
export const streamWindowBytes = 256 * 1024;

/** Messages of one stream that may wait for their reader, beyond what the window bounds. */
export const streamQueueMax = 1024;

/** Bytes of standard input in one packet. */
export const stdinPieceBytes = 32 * 1024;

/** Garbage, in bytes, that a zone may send at once before its channel is closed. */
export const garbageAllowanceBytes = 1024 * 1024;

/** Garbage, in bytes, that is forgiven each second. */
export const garbageForgivenPerSecond = 64 * 1024;

/** What a damaged frame or a packet out of place counts as garbage, beyond its skipped bytes. */
export const damagedFrameCostBytes = 4096;

/** A bucket that fills with garbage and leaks at a fixed rate. */
export function garbageBucket(now: () => number = () => performance.now()) {
  let level = 0;
  let at = now();
  return {
    /** Adds garbage; false once the allowance is exceeded. */
    add(bytes: number): boolean {
      const time = now();
      level = Math.max(0, level - ((time - at) / 1000) * garbageForgivenPerSecond) + bytes;
      at = time;
      return level <= garbageAllowanceBytes;
    },
  };
}
