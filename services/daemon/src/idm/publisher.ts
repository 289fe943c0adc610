import type { Bus } from '@protect/bus/connection';
import { idmSubject } from '@protect/bus/subjects';
import type { ZoneId } from '@protect/config/ids';
import type { Logger } from 'pino';
import { idmUnderWayBytesMax } from '../limits.ts';
import { encodeRedacted, type SnoopedFields } from './redact.ts';
import type { IdmDirection, IdmTap } from './snoop.ts';

/** How often it is found out whether somebody listens to the packets of a zone. */
const askMs = 1_000;

/** Sends the packets of zones to NATS, redacted, only while somebody listens there. Nothing is kept. */
export interface IdmPublisher {
  tapFor(zoneId: ZoneId): IdmTap;
  /** Packets of all zones that listeners did not get. */
  readonly skipped: number;
}

interface IdmPublisherDeps {
  readonly bus: Pick<Bus, 'publish' | 'flush' | 'openInbox' | 'connected'>;
  readonly hostUuid: string;
  readonly logger: Logger;
}

/** The packets of one zone that go one way. */
interface Lane {
  readonly subject: string;
  heard: boolean;
  askAt: number;
  /** Since the last packet that was published. */
  skipped: number;
}

export function createIdmPublisher({ bus, hostUuid, logger }: IdmPublisherDeps): IdmPublisher {
  let underWayBytes = 0;
  let flushing = false;
  let published = 0;
  let skipped = 0;

  const wanted = (lane: Lane) => bus.connected && (lane.heard || performance.now() >= lane.askAt);

  function publish(lane: Lane, zoneId: ZoneId, fields: SnoopedFields): void {
    if (!wanted(lane)) return;
    if (underWayBytes >= idmUnderWayBytesMax) {
      lane.skipped += 1;
      skipped += 1;
      return;
    }
    const packet = encodeRedacted(fields);
    published += 1;
    const headers: [string, string][] = [
      ['Content-Type', 'application/protobuf'],
      ['ce-specversion', '1.0'],
      ['ce-id', `${hostUuid}-idm-${published}`],
      ['ce-type', 'protect.idm.packet'],
      ['ce-source', `/hosts/${hostUuid}/zones/${zoneId}`],
      ['ce-time', new Date().toISOString()],
      ...(lane.skipped > 0 ? [['Protect-Skipped', String(lane.skipped)] satisfies [string, string]] : []),
    ];
    lane.skipped = 0;
    underWayBytes += packet.length;
    if (performance.now() >= lane.askAt) ask(lane, packet, headers);
    else bus.publish(lane.subject, packet, { headers });
    void settle();
  }

  /** Publishes a packet and learns whether anybody got it: nats-server tells when nobody listens. */
  function ask(lane: Lane, packet: Uint8Array, headers: [string, string][]): void {
    lane.askAt = performance.now() + askMs;
    let heard = true;
    const inbox = bus.openInbox('any', ({ status }) => {
      if (status === 503) heard = false;
    });
    try {
      bus.publish(lane.subject, packet, { headers, reply: inbox.subject });
    } catch (error) {
      inbox.close();
      throw error;
    }
    const answered = () => {
      lane.heard = heard;
    };
    // It says so before it answers what follows.
    bus
      .flush()
      .then(answered, () => undefined)
      .finally(() => inbox.close());
  }

  async function settle(): Promise<void> {
    if (flushing) return;
    flushing = true;
    const settled = underWayBytes;
    await bus.flush().catch(() => undefined);
    underWayBytes -= settled;
    flushing = false;
    if (underWayBytes > 0) void settle();
  }

  return {
    get skipped() {
      return skipped;
    },
    tapFor(zoneId) {
      const lanes: Record<IdmDirection, Lane> = {
        'to-zone': { subject: idmSubject(zoneId, 'to-zone'), heard: false, askAt: 0, skipped: 0 },
        'from-zone': { subject: idmSubject(zoneId, 'from-zone'), heard: false, askAt: 0, skipped: 0 },
      };
      return {
        get active() {
          return wanted(lanes['to-zone']) || wanted(lanes['from-zone']);
        },
        packet(direction, fields) {
          try {
            publish(lanes[direction], zoneId, fields);
          } catch (error) {
            logger.debug({ err: error, zone: zoneId }, 'a packet could not be published');
          }
        },
      };
    },
  };
}
