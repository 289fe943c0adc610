import type { ZoneId } from '@protect/config/ids';
import { createLocks } from '@protect/service/locks';
import type { Namespace } from '../namespace.ts';
import type { ZoneReservation } from '../reservation.ts';
import { addLink, removeLink, ruleset } from './ruleset.ts';

/** The policy in the kernel. Changes happen one after the other, each as one transaction. */
export interface PacketFilter {
  /** Puts exactly these links under the policy, whatever the kernel had. */
  replaceAll(links: readonly ZoneReservation[], signal: AbortSignal): Promise<void>;
  add(link: ZoneReservation, signal: AbortSignal): Promise<void>;
  /** An absent link is no error. */
  remove(zoneId: ZoneId, signal: AbortSignal): Promise<void>;
}

export function createPacketFilter(namespace: Namespace): PacketFilter {
  const locks = createLocks();
  let inForce = new Map<ZoneId, ZoneReservation>();

  async function load(script: string, signal: AbortSignal): Promise<void> {
    await namespace.nft(['-f', '-'], { signal, input: script });
  }

  /** Falls back to the whole, as when somebody has flushed the tables. */
  async function change(
    script: string,
    next: Map<ZoneId, ZoneReservation>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await load(script, signal);
    } catch (error) {
      signal.throwIfAborted();
      await load(ruleset([...next.values()]), signal).catch((again: unknown) => {
        throw new AggregateError([error, again], 'the packet filter takes neither the change nor the whole');
      });
    }
    inForce = next;
  }

  const alone = <T>(operation: () => Promise<T>) => locks.exclusive('rules', operation);
  return {
    replaceAll: (links, signal) =>
      alone(async () => {
        await load(ruleset(links), signal);
        inForce = new Map(links.map((link) => [link.zoneId, link]));
      }),
    add: (link, signal) =>
      alone(async () => {
        const next = new Map(inForce).set(link.zoneId, link);
        await change(addLink(link), next, signal);
      }),
    remove: (zoneId, signal) =>
      alone(async () => {
        const link = inForce.get(zoneId);
        if (link === undefined) return;
        const next = new Map(inForce);
        next.delete(zoneId);
        await change(removeLink(link), next, signal);
      }),
  };
}
