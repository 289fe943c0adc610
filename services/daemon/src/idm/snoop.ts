import type { ZoneId } from '@protect/config/ids';
import { snoopQueueMax, snoopQueueMaxBytes } from '../limits.ts';
import { encodeRedacted, type SnoopedFields } from './redact.ts';

/** Which way a packet went. */
export type IdmDirection = 'from-zone' | 'to-zone';

/** Sees every packet of one connection; `active` is false while nobody listens, so that callers skip the work. */
export interface IdmTap {
  readonly active: boolean;
  packet(direction: IdmDirection, packet: SnoopedFields): void;
}

/** A tap that several look through. */
export function jointTap(taps: readonly IdmTap[]): IdmTap {
  return {
    get active() {
      return taps.some((tap) => tap.active);
    },
    packet(direction, packet) {
      for (const tap of taps) if (tap.active) tap.packet(direction, packet);
    },
  };
}

/** One packet as listeners get it: without secrets. */
export interface SnoopedPacket {
  readonly zoneId: ZoneId;
  readonly direction: IdmDirection;
  /** An encoded protect.idm.v1.Packet. */
  readonly packet: Uint8Array;
}

/** What a listener gets at once. */
export interface SnoopBatch {
  readonly packets: readonly SnoopedPacket[];
  /** Packets that the listener was too slow for since the last batch. */
  readonly skipped: number;
}

/** The meeting point of all zones' packets and all who listen to them. */
export interface IdmSnoop {
  tapFor(zoneId: ZoneId): IdmTap;
  /** Packets from now on until `signal` aborts, which ends the iteration without an error. */
  subscribe(signal: AbortSignal): AsyncIterable<SnoopBatch>;
  /** Packets that listeners were too slow for, all together. */
  readonly skipped: number;
}

interface Subscriber {
  queue: SnoopedPacket[];
  queuedBytes: number;
  skipped: number;
  wake: (() => void) | undefined;
}

function isFull(subscriber: Subscriber): boolean {
  return subscriber.queue.length >= snoopQueueMax || subscriber.queuedBytes >= snoopQueueMaxBytes;
}

async function* batches(subscriber: Subscriber, signal: AbortSignal): AsyncGenerator<SnoopBatch> {
  const onAbort = () => subscriber.wake?.();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (subscriber.queue.length === 0 && subscriber.skipped === 0) {
        await new Promise<void>((resolve) => {
          subscriber.wake = resolve;
        });
        subscriber.wake = undefined;
        continue;
      }
      const batch = { packets: subscriber.queue, skipped: subscriber.skipped };
      subscriber.queue = [];
      subscriber.queuedBytes = 0;
      subscriber.skipped = 0;
      yield batch;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Creates the snoop; while nobody subscribes, no packet is decoded or copied. */
export function createIdmSnoop(): IdmSnoop {
  const subscribers = new Set<Subscriber>();
  let skipped = 0;

  function publish(zoneId: ZoneId, direction: IdmDirection, fields: SnoopedFields): void {
    let packet: SnoopedPacket | undefined;
    for (const subscriber of subscribers) {
      if (isFull(subscriber)) {
        subscriber.skipped++;
        skipped++;
      } else {
        packet ??= { zoneId, direction, packet: encodeRedacted(fields) };
        subscriber.queue.push(packet);
        subscriber.queuedBytes += packet.packet.length;
      }
      subscriber.wake?.();
    }
  }

  return {
    get skipped() {
      return skipped;
    },
    tapFor(zoneId) {
      return {
        get active() {
          return subscribers.size > 0;
        },
        packet: (direction, fields) => publish(zoneId, direction, fields),
      };
    },
    subscribe(signal) {
      const subscriber: Subscriber = { queue: [], queuedBytes: 0, skipped: 0, wake: undefined };
      subscribers.add(subscriber);
      const forget = () => subscribers.delete(subscriber);
      signal.addEventListener('abort', forget, { once: true });
      if (signal.aborted) forget();
      return {
        async *[Symbol.asyncIterator]() {
          try {
            yield* batches(subscriber, signal);
          } finally {
            forget();
            signal.removeEventListener('abort', forget);
          }
        },
      };
    },
  };
}
