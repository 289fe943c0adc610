import { parseWorkloadId, parseZoneId, type WorkloadId, type ZoneId } from '@protect/config/ids';
import type { ServiceName } from '@protect/config/paths';

/** Everybody with credentials of their own: the services, who looks after them, and tools that only read. */
export type BusUser = ServiceName | 'operator' | 'reader';

export const serviceNames: readonly ServiceName[] = ['daemon', 'storage', 'network', 'orchestrator', 'cri'];

/** Everything that a zone can send on IDM goes one way, everything it is sent the other. */
export type IdmDirection = 'to-zone' | 'from-zone';

/** Every event, for those who watch and for the stream that keeps them. */
export const everyEvent = 'protect.events.>';

/** Every record of the audit. */
export const everyAudit = 'protect.audit.*';

/** Every zone's packets. */
export const everyIdm = 'protect.idm.>';

/** The JetStream stream that keeps the events. */
export const eventStream = 'PROTECT_EVENTS';

/** Every service's presence. */
export const everyPresence = 'protect.presence.*';

const token = /^[A-Za-z0-9_-]{1,64}$/;

/** Where `service` takes calls of `method` (its protobuf name). */
export function rpcSubject(service: ServiceName, method: string): string {
  return `protect.rpc.${service}.v1.${checked('method', method)}`;
}

export function parseRpcSubject(subject: string): { service: ServiceName; method: string } | undefined {
  const [protect, rpc, name, version, method, ...rest] = subject.split('.');
  const service = parseServiceName(name);
  if (protect !== 'protect' || rpc !== 'rpc' || version !== 'v1' || rest.length > 0) return undefined;
  return service && method && token.test(method) ? { service, method } : undefined;
}

/** One call: who makes it, who answers it, and the caller's random name for it. */
export interface CallAddress {
  readonly caller: BusUser;
  readonly server: ServiceName;
  readonly callId: string;
}

/** Prefix of everything that `user` is answered on. Nobody else may subscribe below it. */
export function inboxPrefix(user: BusUser): string {
  return `_INBOX_${user}`;
}

/** Where the caller takes what `server` answers: only that server may publish there. */
export function replySubject({ caller, server, callId }: CallAddress): string {
  return `${inboxPrefix(caller)}.${server}.${checked('call id', callId)}`;
}

/** Whose inbox this is, as far as its name tells: nats-server does not check what a caller wants to be answered on. */
export function inboxOwner(subject: string): BusUser | undefined {
  return parseBusUser(/^_INBOX_([^.]+)\./.exec(subject)?.[1]);
}

export function parseReplySubject(subject: string): CallAddress | undefined {
  const [inbox, serverName, callId, ...rest] = subject.split('.');
  if (!inbox?.startsWith('_INBOX_') || rest.length > 0) return undefined;
  return callAddress(inbox.slice('_INBOX_'.length), serverName, callId);
}

/** Where the server takes the frames of a call that follow its first message: only the caller may publish there. */
export function frameSubject({ caller, server, callId }: CallAddress): string {
  return `protect.stream.${server}.${caller}.${checked('call id', callId)}`;
}

/** Where `server` takes the frames of all its calls. */
export function everyFrameSubject(server: ServiceName): string {
  return `protect.stream.${server}.*.*`;
}

export function parseFrameSubject(subject: string): CallAddress | undefined {
  const [protect, stream, serverName, caller, callId, ...rest] = subject.split('.');
  if (protect !== 'protect' || stream !== 'stream' || rest.length > 0) return undefined;
  return callAddress(caller, serverName, callId);
}

/** A zone has come to `state`. */
export function zoneEventSubject(id: ZoneId, state: string): string {
  return `protect.events.zone.${id}.${checked('state', state)}`;
}

/** A workload has come to `state`. */
export function workloadEventSubject(id: WorkloadId, state: string): string {
  return `protect.events.workload.${id}.${checked('state', state)}`;
}

export type EventAddress =
  | { readonly kind: 'zone'; readonly id: ZoneId; readonly state: string }
  | { readonly kind: 'workload'; readonly id: WorkloadId; readonly state: string };

export function parseEventSubject(subject: string): EventAddress | undefined {
  const [protect, events, kind, id, state, ...rest] = subject.split('.');
  if (protect !== 'protect' || events !== 'events' || id === undefined || rest.length > 0) return undefined;
  if (state === undefined || !token.test(state)) return undefined;
  const zoneId = kind === 'zone' ? parseZoneId(id) : undefined;
  if (zoneId) return { kind: 'zone', id: zoneId, state };
  const workloadId = kind === 'workload' ? parseWorkloadId(id) : undefined;
  return workloadId ? { kind: 'workload', id: workloadId, state } : undefined;
}

/** Calls of this method of the control API (its protobuf name): who made them, and how they went. */
export function auditSubject(method: string): string {
  return `protect.audit.${checked('method', method)}`;
}

/** The method. */
export function parseAuditSubject(subject: string): string | undefined {
  const [protect, audit, method, ...rest] = subject.split('.');
  if (protect !== 'protect' || audit !== 'audit' || method === undefined || rest.length > 0) return undefined;
  return token.test(method) ? method : undefined;
}

/** Redacted IDM packets of one zone; sent only while somebody listens. */
export function idmSubject(id: ZoneId, direction: IdmDirection): string {
  return `protect.idm.${id}.${direction}`;
}

export function parseIdmSubject(subject: string): { id: ZoneId; direction: IdmDirection } | undefined {
  const [protect, idm, zone, direction, ...rest] = subject.split('.');
  if (protect !== 'protect' || idm !== 'idm' || zone === undefined || rest.length > 0) return undefined;
  const id = parseZoneId(zone);
  if (!id || (direction !== 'to-zone' && direction !== 'from-zone')) return undefined;
  return { id, direction };
}

/** Where `service` says that it is there. */
export function presenceSubject(service: ServiceName): string {
  return `protect.presence.${service}`;
}

export function parsePresenceSubject(subject: string): ServiceName | undefined {
  const [protect, presence, service, ...rest] = subject.split('.');
  if (protect !== 'protect' || presence !== 'presence' || rest.length > 0) return undefined;
  return parseServiceName(service);
}

export function parseServiceName(text: string | undefined): ServiceName | undefined {
  return serviceNames.find((name) => name === text);
}

function parseBusUser(text: string | undefined): BusUser | undefined {
  return text === 'operator' || text === 'reader' ? text : parseServiceName(text);
}

function callAddress(
  caller: string | undefined,
  serverName: string | undefined,
  callId: string | undefined,
): CallAddress | undefined {
  const user = parseBusUser(caller);
  const server = parseServiceName(serverName);
  if (!user || !server || !callId || !token.test(callId)) return undefined;
  return { caller: user, server, callId };
}

function checked(what: string, text: string): string {
  if (!token.test(text)) {
    throw new TypeError(
      `${what} ${JSON.stringify(text)} cannot be part of a NATS subject: letters, digits, _ and - only`,
    );
  }
  return text;
}
