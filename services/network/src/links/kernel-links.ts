import { z } from 'zod';
import { setLinkParameters } from '../forwarding.ts';
import type { Namespace } from '../namespace.ts';
import type { Reservation } from '../reservation.ts';
import { linkBatch } from './link-batch.ts';
import { isLinkName, linkName, parseLinkAlias } from './link-name.ts';

/** A tap of ours that the kernel has. */
export interface KernelLink {
  readonly name: string;
  /** What the tap says it was made for; undefined when its making was cut short. */
  readonly reservation: Reservation | undefined;
}

/** The taps in the namespace. */
export interface KernelLinks {
  list(signal: AbortSignal): Promise<KernelLink[]>;
  /** Makes the link, or brings an existing one into shape. */
  put(reservation: Reservation, options: { create: boolean; signal: AbortSignal }): Promise<void>;
  /** An absent link is no error. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

const linkList = z.array(z.object({ ifname: z.string().optional(), ifalias: z.string().optional() }));

export function createKernelLinks(namespace: Namespace): KernelLinks {
  async function list(signal: AbortSignal): Promise<KernelLink[]> {
    return parseLinkList(await namespace.ip(['-json', 'link', 'show', 'type', 'tun'], { signal }));
  }
  return {
    list,
    async put(reservation, { create, signal }) {
      await namespace.ip(['-batch', '-'], { signal, input: linkBatch(reservation, { create }) });
      await setLinkParameters(namespace, linkName(reservation.zoneId), signal);
    },
    async remove(name, signal) {
      try {
        await namespace.ip(['link', 'delete', 'dev', name], { signal });
      } catch (error) {
        // The tool's message is no contract; what counts is that the link is gone.
        if ((await list(signal)).some((link) => link.name === name)) throw error;
      }
    },
  };
}

/** Our taps in the output of `ip -json link show type tun`. */
export function parseLinkList(json: string): KernelLink[] {
  const links = json.trim() === '' ? [] : linkList.parse(JSON.parse(json));
  return links.flatMap(({ ifname, ifalias }) => {
    if (ifname === undefined || !isLinkName(ifname)) return [];
    const told = ifalias === undefined ? undefined : parseLinkAlias(ifalias);
    // An alias that belongs to another name was not written by this service.
    const reservation = told !== undefined && linkName(told.zoneId) === ifname ? told : undefined;
    return [{ name: ifname, reservation }];
  });
}
