import type { ServiceName } from '@protect/config/paths';
import {
  type BusUser,
  eventStream,
  everyAudit,
  everyEvent,
  everyFrameSubject,
  everyIdm,
  everyPresence,
  inboxPrefix,
  presenceSubject,
  serviceNames,
} from './subjects.ts';

/** What nats-server lets one user do, in its own words. */
export interface Permissions {
  readonly publish: { readonly allow: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
  readonly allow_responses?: { readonly max: number; readonly expires: string };
}

/** Methods of other services that a service may call: all, or only whether they are well. */
type Callable = 'all' | 'health';

const callable: Readonly<Record<ServiceName, Partial<Readonly<Record<ServiceName, Callable>>>>> = {
  daemon: { storage: 'all', network: 'all', orchestrator: 'health', cri: 'health' },
  storage: {},
  network: {},
  orchestrator: {
    daemon: 'all',
    storage: 'health',
    network: 'health',
    orchestrator: 'health',
    cri: 'health',
  },
  cri: { daemon: 'all', network: 'health' },
};

const watches: Readonly<Record<ServiceName, readonly string[]>> = {
  daemon: [everyPresence],
  storage: [],
  network: [],
  orchestrator: [everyEvent],
  cri: [everyEvent],
};

const publishes: Readonly<Record<ServiceName, readonly string[]>> = {
  daemon: [everyEvent, everyAudit, everyIdm, `$JS.API.STREAM.CREATE.${eventStream}`],
  storage: [],
  network: [],
  orchestrator: [],
  cri: [],
};

/**
 * A service is answered below its own inbox, in the part that carries the answering service's name: so each
 * service answers its callers, reads nobody else's answers, and answers in nobody else's name. Who calls by
 * hand (the operator) uses inboxes of another shape; `allow_responses` opens those for a moment.
 */
export function permissionsOf(user: BusUser): Permissions {
  if (user === 'operator') return operator;
  return user === 'reader' ? reader : permissionsOfService(user);
}

function permissionsOfService(service: ServiceName): Permissions {
  const calls = serviceNames.flatMap((server) => {
    const allowed = callable[service][server];
    if (!allowed) return [];
    const method = allowed === 'all' ? '*' : 'Check';
    return [`protect.rpc.${server}.v1.${method}`, `protect.stream.${server}.${service}.*`];
  });
  const answers = serviceNames
    .filter((caller) => callable[caller][service])
    .map((caller) => `${inboxPrefix(caller)}.${service}.*`);
  const questions = ['PING', 'INFO', 'STATS'].flatMap((verb) => [
    `$SRV.${verb}`,
    `$SRV.${verb}.protect-${service}`,
    `$SRV.${verb}.protect-${service}.*`,
  ]);
  return {
    publish: { allow: [...calls, ...answers, presenceSubject(service), ...publishes[service]] },
    subscribe: {
      allow: [
        `${inboxPrefix(service)}.>`,
        `protect.rpc.${service}.v1.*`,
        everyFrameSubject(service),
        presenceSubject('daemon'),
        ...questions,
        ...watches[service],
      ],
    },
    allow_responses: { max: 4, expires: '1m' },
  };
}

/** What it takes to read the stream of events from some point on, through a consumer of one's own. */
const replayRequests: readonly string[] = [
  `$JS.API.STREAM.INFO.${eventStream}`,
  `$JS.API.CONSUMER.CREATE.${eventStream}`,
  ...['CREATE', 'INFO', 'DELETE', 'MSG.NEXT'].map(
    (request) => `$JS.API.CONSUMER.${request}.${eventStream}.>`,
  ),
  `$JS.ACK.${eventStream}.>`,
  `$JS.FC.${eventStream}.>`,
];

/** Reads everything; asks after health, services and events; changes nothing. */
const operator: Permissions = {
  publish: {
    allow: [
      'protect.rpc.*.v1.Check',
      '$SRV.>',
      '$JS.API.INFO',
      '$JS.API.STREAM.NAMES',
      '$JS.API.STREAM.LIST',
      ...['STREAM.MSG.GET', 'CONSUMER.NAMES', 'CONSUMER.LIST'].map(
        (request) => `$JS.API.${request}.${eventStream}`,
      ),
      `$JS.API.DIRECT.GET.${eventStream}.>`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${eventStream}.>`,
      ...replayRequests,
    ],
  },
  subscribe: { allow: ['>'] },
};

/** Reads what is meant to be read by tools: events, also those of the past, the audit, packets of zones. */
const reader: Permissions = {
  publish: { allow: ['$JS.API.INFO', '$JS.API.STREAM.NAMES', ...replayRequests] },
  subscribe: { allow: [everyEvent, everyAudit, everyIdm, `${inboxPrefix('reader')}.>`] },
};
