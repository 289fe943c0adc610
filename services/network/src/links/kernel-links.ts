import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { missing } from '../errors.ts';
import { setLinkParameters } from '../forwarding.ts';
import type { Namespace } from '../namespace.ts';
import type { ZoneReservation } from '../reservation.ts';
import { linkBatch } from './link-batch.ts';
import { isLinkName, linkName, parseLinkAlias } from './link-name.ts';

/** A link of ours that the kernel has. */
export interface KernelLink {
  readonly name: string;
  /** What the link says it was made for; undefined when its making was cut short. */
  readonly reservation: ZoneReservation | undefined;
}

/** The links in the namespace. */
export interface KernelLinks {
  list(signal: AbortSignal): Promise<KernelLink[]>;
  /** Makes the tap, or brings an existing link into shape. */
  put(reservation: ZoneReservation, options: { create: boolean; signal: AbortSignal }): Promise<void>;
  /** Takes an interface that is down and makes it the zone's link. NOT_FOUND when there is none. */
  adopt(hostInterface: string, reservation: ZoneReservation, signal: AbortSignal): Promise<void>;
  /** An absent link is no error. A vif is only taken down: it goes with its machine. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

const linkList = z.array(z.object({ ifname: z.string().optional(), ifalias: z.string().optional() }));

/** Routes and addresses of a link that is down reach nobody; its name stays taken until the machine is gone. */
const takeDownBatch = (name: string) => `link set dev ${name} down\naddr flush dev ${name}\n`;

export function createKernelLinks(namespace: Namespace): KernelLinks {
  async function list(signal: AbortSignal): Promise<KernelLink[]> {
    return parseLinkList(await namespace.ip(['-json', 'link', 'show'], { signal }));
  }
  return {
    list,
    async put(reservation, { create, signal }) {
      await namespace.ip(['-batch', '-'], { signal, input: linkBatch(reservation, { create }) });
      await setLinkParameters(namespace, linkName(reservation.zoneId), signal);
    },
    async adopt(hostInterface, { zoneId }, signal) {
      try {
        await namespace.takeIn(hostInterface, linkName(zoneId), signal);
      } catch (error) {
        if (existsSync(join('/sys/class/net', hostInterface))) throw error;
        throw missing(`the host has no interface ${hostInterface} for zone ${zoneId}`, error);
      }
    },
    async remove(name, signal) {
      try {
        await namespace.ip(['link', 'delete', 'dev', name], { signal });
      } catch (error) {
        // The tool's message is no contract; what counts is that the link is gone.
        const link = (await list(signal)).find((found) => found.name === name);
        if (link === undefined) return;
        if (link.reservation?.kind !== 'vif') throw error;
        await namespace.ip(['-force', '-batch', '-'], { signal, input: takeDownBatch(name) });
      }
    },
  };
}

/** Our links in the output of `ip -json link show`. */
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
