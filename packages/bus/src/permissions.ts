import type { ServiceName } from '@protect/config/paths';
import {
  type BusUser,
  eventStream,
  everyEvent,
  everyFrameSubject,
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
  daemon: [everyEvent, 'protect.idm.>', `$JS.API.STREAM.CREATE.${eventStream}`],
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
  return user === 'operator' ? operator : permissionsOfService(user);
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

/** Reads everything; asks after health, services and events; changes nothing. */
const operator: Permissions = {
  publish: {
    allow: [
      'protect.rpc.*.v1.Check',
      '$SRV.>',
      '$JS.API.INFO',
      '$JS.API.STREAM.NAMES',
      '$JS.API.STREAM.LIST',
      ...['STREAM.INFO', 'STREAM.MSG.GET', 'CONSUMER.CREATE', 'CONSUMER.NAMES', 'CONSUMER.LIST'].map(
        (request) => `$JS.API.${request}.${eventStream}`,
      ),
      `$JS.API.DIRECT.GET.${eventStream}.>`,
      ...['CREATE', 'DURABLE.CREATE', 'INFO', 'DELETE', 'MSG.NEXT'].map(
        (request) => `$JS.API.CONSUMER.${request}.${eventStream}.>`,
      ),
      `$JS.ACK.${eventStream}.>`,
      `$JS.FC.${eventStream}.>`,
    ],
  },
  subscribe: { allow: ['>'] },
};
