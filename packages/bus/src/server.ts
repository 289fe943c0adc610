import { randomBytes } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Bus } from './connection.ts';
import { createEndpointStats, type EndpointStats } from './endpoint-stats.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import { maxCallsPerMethod, pingIntervalMs } from './limits.ts';
import { streamHeader } from './metadata.ts';
import { answerMicro } from './micro.ts';
import type { BusMessage } from './nats.ts';
import type { Route } from './router.ts';
import { publishError, runServerCall, type ServerCall } from './server-call.ts';
import {
  everyFrameSubject,
  parseFrameSubject,
  parseReplySubject,
  replySubject,
  rpcSubject,
} from './subjects.ts';
import { encodeEnd } from './wire-error.ts';

/** How long unary calls under way may go on after their methods are taken away; streams end at once. */
const drainMs = 2_000;
/** How long handlers then get to heed their signal. */
const heedMs = 1_000;
/** NATS' micro-services share their load in this queue group. */
const queueGroup = 'q';

/** Serves all methods of one bus. */
export interface BusServer {
  /** Starts taking calls; returns what stops it and waits for those under way. */
  add(routes: readonly Route[]): () => Promise<void>;
}

interface Endpoint {
  readonly route: Route;
  readonly subject: string;
  readonly stats: EndpointStats;
  readonly calls: Set<ServerCall>;
  readonly unsubscribe: () => void;
}

const servers = new WeakMap<Bus, BusServer>();

/** The one server of `bus`, made when first asked for. */
export function busServer(bus: Bus, version: string): BusServer {
  const known = servers.get(bus);
  if (known) return known;
  const server = createBusServer(bus, version);
  servers.set(bus, server);
  return server;
}

function createBusServer(bus: Bus, version: string): BusServer {
  const endpoints = new Map<string, Endpoint>();
  /** By caller and call id. */
  const calls = new Map<string, ServerCall>();
  let ticking: NodeJS.Timeout | undefined;

  bus.subscribe(everyFrameSubject(bus.service), onFrame);
  bus.onDisconnect(() => {
    const error = new ConnectError(
      'the connection to nats-server was lost during the call',
      Code.Unavailable,
    );
    for (const call of [...calls.values()]) call.abort(error);
  });
  answerMicro(bus, {
    name: `protect-${bus.service}`,
    id: randomBytes(11).toString('hex'),
    version,
    endpoints: () =>
      [...endpoints].map(([name, { subject, stats }]) => ({
        name,
        subject,
        queueGroup,
        stats: stats.read(),
      })),
  });

  function onCall(endpoint: Endpoint, message: BusMessage) {
    const { reply } = message;
    // An answer goes out with this service's permissions, so it only goes to an inbox.
    if (!reply?.startsWith('_INBOX_')) {
      bus.logger.warn({ subject: message.subject }, 'a call that asks for no answer in an inbox is dropped');
      return;
    }
    const address = parseReplySubject(reply);
    if (endpoint.calls.size >= maxCallsPerMethod) {
      refuse(message, reply, endpoint.route.spec.method.name);
      return;
    }
    const key = address?.server === bus.service ? `${address.caller}.${address.callId}` : undefined;
    if (key !== undefined && calls.has(key)) return;
    const startedAt = performance.now();
    const call = runServerCall({ bus, route: endpoint.route, message, reply });
    endpoint.calls.add(call);
    if (key !== undefined) calls.set(key, call);
    ticking ??= setInterval(tick, pingIntervalMs);
    void call.done.then((error) => {
      endpoint.calls.delete(call);
      if (key !== undefined) calls.delete(key);
      if (calls.size === 0) {
        clearInterval(ticking);
        ticking = undefined;
      }
      endpoint.stats.count(performance.now() - startedAt, error?.message);
      if (error?.code === Code.Internal || error?.code === Code.Unknown) {
        bus.logger.error({ err: error, method: endpoint.route.spec.method.name }, 'a call failed');
      }
    });
  }

  function onFrame(message: BusMessage) {
    const address = parseFrameSubject(message.subject);
    if (address?.server !== bus.service) return;
    const call = calls.get(`${address.caller}.${address.callId}`);
    if (message.status === 503) {
      call?.callerGone();
      return;
    }
    if (call) {
      call.receive(message.data);
      return;
    }
    // The caller waits for a call that this process does not have: it was made to one that is gone.
    if (bus.connected && decodeFrame(message.data)?.kind === 'ping') {
      const reason = `protect-${bus.service} does not know the call; it was restarted`;
      bus.publish(replySubject(address), encodeFrame({ kind: 'reset', reason }));
    }
  }

  function tick() {
    for (const call of calls.values()) call.tick();
  }

  function refuse(message: BusMessage, reply: string, method: string) {
    if (!bus.connected) return;
    const text = `protect-${bus.service} carries out ${maxCallsPerMethod} calls of ${method} already; try again later`;
    const error = new ConnectError(text, Code.ResourceExhausted);
    if (message.headers?.has(streamHeader)) {
      const body = encodeEnd(new Headers(), error);
      bus.publish(reply, encodeFrame({ kind: 'end', sequence: 0, body }));
      return;
    }
    publishError(bus, reply, error, new Headers());
  }

  async function remove(names: readonly string[]) {
    const removed = names.flatMap((name) => endpoints.get(name) ?? []);
    for (const endpoint of removed) endpoint.unsubscribe();
    const shutdown = new ConnectError(`protect-${bus.service} is stopping; try again`, Code.Unavailable);
    for (const { route, calls } of removed) {
      if (route.spec.kind !== 'unary') for (const call of calls) call.abort(shutdown);
    }
    const underWay = removed.flatMap((endpoint) => [...endpoint.calls]);
    const settled = Promise.all(underWay.map((call) => call.done)).then(() => true);
    if (!(await within(settled, drainMs))) {
      for (const call of underWay) call.abort(shutdown);
      if (!(await within(settled, heedMs))) {
        bus.logger.warn({ methods: names }, 'calls are left behind: their handlers do not heed the signal');
      }
    }
    for (const name of names) endpoints.delete(name);
  }

  return {
    add(routes) {
      const names = routes.map(({ spec }) => spec.method.name);
      const taken = names.find((name, index) => endpoints.has(name) || names.indexOf(name) !== index);
      if (taken) throw new Error(`protect-${bus.service} serves two methods named ${taken} on the bus`);
      for (const route of routes) {
        const { name } = route.spec.method;
        const subject = rpcSubject(bus.service, name);
        const endpoint: Endpoint = {
          route,
          subject,
          stats: createEndpointStats(),
          calls: new Set(),
          unsubscribe: bus.subscribe(subject, (message) => onCall(endpoint, message), queueGroup),
        };
        endpoints.set(name, endpoint);
      }
      return () => remove(names);
    },
  };
}

/** Whether `settled` settles in time. */
async function within(settled: Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  try {
    return await Promise.race([settled, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
