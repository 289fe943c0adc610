import type { ServiceName } from '@protect/config/paths';
import { z } from 'zod';
import type { Bus } from './connection.ts';
import { everyPresence, parsePresenceSubject, presenceSubject } from './subjects.ts';

/** One start of one service: a new process, or one that lost and found nats-server. */
export interface Presence {
  readonly service: ServiceName;
  /** Random; changes with every start of the process. */
  readonly instance: string;
  readonly version: string;
}

const presenceSchema = z.object({ instance: z.string().min(1).max(64), version: z.string().max(64) });

/**
 * Says that this service is there: now, whenever nats-server comes back, and whenever the daemon says that it
 * is there. Returns what ends that.
 */
export function announce(bus: Bus, presence: Omit<Presence, 'service'>): () => void {
  const data = Buffer.from(JSON.stringify({ instance: presence.instance, version: presence.version }));
  const say = () => {
    if (bus.connected) bus.publish(presenceSubject(bus.service), data);
  };
  const offReconnect = bus.onReconnect(say);
  const offDaemon =
    bus.service === 'daemon' ? () => {} : bus.subscribe(presenceSubject('daemon'), () => say());
  say();
  return () => {
    offReconnect();
    offDaemon();
  };
}

/** Tells of every announcement of every service, repeated ones included. Returns what ends that. */
export function watchPresence(bus: Bus, onPresence: (presence: Presence) => void): () => void {
  return bus.subscribe(everyPresence, ({ subject, data }) => {
    const service = parsePresenceSubject(subject);
    const presence = presenceSchema.safeParse(parseJson(data));
    if (service && presence.success) onPresence({ service, ...presence.data });
    else bus.logger.warn({ subject }, 'a presence that cannot be read is ignored');
  });
}

function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString());
  } catch {
    return undefined;
  }
}
