import type { Bus } from './connection.ts';
import type { EndpointCounts } from './endpoint-stats.ts';
import type { BusMessage } from './nats.ts';

/** What NATS' micro-service tools (`nats micro ls|info|stats`) are told of this process. */
export interface MicroService {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  endpoints(): readonly {
    readonly name: string;
    readonly subject: string;
    readonly queueGroup: string;
    readonly stats: EndpointCounts;
  }[];
}

const nanosecondsPerMs = 1_000_000;

/** Answers PING, INFO and STATS on the subjects of NATS' micro-service protocol. */
export function answerMicro(bus: Bus, service: MicroService): void {
  const { name, id, version } = service;
  const identity = { name, id, version, metadata: {} };
  const started = new Date().toISOString();
  const answers: Record<string, () => object> = {
    PING: () => ({ type: 'io.nats.micro.v1.ping_response', ...identity }),
    INFO: () => ({
      type: 'io.nats.micro.v1.info_response',
      ...identity,
      description: `The ${name} process of this host`,
      endpoints: service.endpoints().map((endpoint) => ({
        name: endpoint.name,
        subject: endpoint.subject,
        queue_group: endpoint.queueGroup,
        metadata: {},
      })),
    }),
    STATS: () => ({
      type: 'io.nats.micro.v1.stats_response',
      ...identity,
      started,
      endpoints: service.endpoints().map(({ stats, ...endpoint }) => ({
        name: endpoint.name,
        subject: endpoint.subject,
        queue_group: endpoint.queueGroup,
        num_requests: stats.requests,
        num_errors: stats.errors,
        last_error: stats.lastError,
        processing_time: Math.round(stats.processingMs * nanosecondsPerMs),
        average_processing_time: Math.round(
          (stats.processingMs * nanosecondsPerMs) / Math.max(1, stats.requests),
        ),
      })),
    }),
  };
  for (const [verb, answer] of Object.entries(answers)) {
    const onMessage = ({ reply }: BusMessage) => {
      // The answer goes out with this service's permissions, so it only goes to an inbox.
      if (!reply?.startsWith('_INBOX') || !bus.connected) return;
      bus.publish(reply, Buffer.from(JSON.stringify(answer())));
    };
    bus.subscribe(`$SRV.${verb}`, onMessage);
    bus.subscribe(`$SRV.${verb}.${name}`, onMessage);
    bus.subscribe(`$SRV.${verb}.${name}.${id}`, onMessage);
  }
}
