import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { ConfigureRequestSchema } from '@protect/proto/idm';
import type { Logger } from 'pino';
import type { IdmConnection } from '../idm/connection.ts';
import type { IdmLink } from '../idm/link.ts';
import type { State } from '../state/state.ts';
import type { ZoneNetwork, ZoneRecord } from '../state/zone-record.ts';
import type { ZoneSupervisor } from './supervisor.ts';

/** Longest wait for a zone that is being made or connects anew. */
const zoneMs = 60_000;

/** How long an interface may take to appear in the zone. */
const configureMs = 5_000;

type NetworkPart = Required<
  Pick<MessageInitShape<typeof ConfigureRequestSchema>, 'links' | 'routes' | 'neighbors'>
>;

/** The network as init takes it; links are found by their MAC address. */
export function networkPart(network: ZoneNetwork): NetworkPart {
  return {
    links: network.interfaces.map(({ name, mac, addresses, mtu }) => ({
      mac,
      name,
      addresses: addresses.map(({ address }) => address),
      mtu,
    })),
    // The interface is told, so the gateway is on it, whether an address covers it or not.
    routes: network.routes.map(({ destination, gateway, interface: link, source }) => {
      return { destination, gateway, link, onLink: gateway !== '', source };
    }),
    neighbors: network.neighbors.map(({ address, mac, interface: link }) => ({ address, mac, link })),
  };
}

/** The first thing of `before` that `after` does not have; a zone can be given more, and nothing taken away. */
export function leftOut(before: ZoneNetwork, after: ZoneNetwork): string | undefined {
  for (const old of before.interfaces) {
    const now = after.interfaces.find(({ name, mac }) => name === old.name && mac === old.mac);
    if (now === undefined) return `interface ${old.name}`;
    const gone = old.addresses.find(({ address }) => !now.addresses.some((kept) => kept.address === address));
    if (gone !== undefined) return `address ${gone.address} of ${old.name}`;
  }
  const has = <T extends object>(all: readonly T[], wanted: T) =>
    all.some((one) => JSON.stringify(one) === JSON.stringify(wanted));
  const route = before.routes.find((old) => !has(after.routes, old));
  if (route !== undefined) return `the route to ${route.destination}`;
  const neighbor = before.neighbors.find((old) => !has(after.neighbors, old));
  return neighbor === undefined ? undefined : `neighbour ${neighbor.address}`;
}

/**
 * Gives a running zone its network and records it. FAILED_PRECONDITION for a zone whose network is not external, for
 * an interface that the zone does not have, for what its kernel refuses, and for taking something away.
 */
export async function configureNetwork(
  { state, supervisor }: { state: State; supervisor: Pick<ZoneSupervisor, 'whenReady'> },
  id: ZoneId,
  network: ZoneNetwork,
  signal: AbortSignal,
): Promise<void> {
  checkExternal(state.zones.get(id));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(zoneMs)]);
  const zone = await supervisor.whenReady(id, limit);
  checkNothingLeftOut(state.zones.get(id) ?? zone.record, network);
  await applyNetwork(await zone.connection(limit), network, signal);
  await state.zones.update(id, (record) => ({ ...record, network }));
}

/** Tells a zone that runs on its network once more: an earlier daemon may have been interrupted in the middle of it. */
export async function repeatNetwork(
  { id, network }: ZoneRecord,
  link: Pick<IdmLink, 'connected'>,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<void> {
  if (network === undefined) return;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(zoneMs)]);
    await applyNetwork(await link.connected(limit), network, limit);
  } catch (error) {
    if (!signal.aborted) logger.warn({ err: error, zone: id }, 'a zone could not be told its network again');
  }
}

/** Tells a zone its network; what is already so stays. */
async function applyNetwork(
  connection: Pick<IdmConnection, 'request'>,
  network: ZoneNetwork,
  signal: AbortSignal,
): Promise<void> {
  const request = { case: 'configure', value: networkPart(network) } as const;
  await connection.request(request, { deadlineMs: configureMs, signal }).catch((error: unknown) => {
    throw refusal(error);
  });
}

function checkExternal(record: ZoneRecord | undefined): void {
  const backend = record?.spec.network.backend ?? 'external';
  if (backend === 'external') return;
  const text = `zone ${record?.id} has network backend ${backend}; only one with backend external is configured like this`;
  throw new ConnectError(text, Code.FailedPrecondition);
}

function checkNothingLeftOut({ id, network: before }: ZoneRecord, network: ZoneNetwork): void {
  const missing = before === undefined ? undefined : leftOut(before, network);
  if (missing === undefined) return;
  const text = `zone ${id} has ${missing} already, which cannot be taken from it; name it too`;
  throw new ConnectError(text, Code.FailedPrecondition);
}

function refusal(error: unknown): unknown {
  const { code, rawMessage } = ConnectError.from(error);
  // So init begins what it says of a step; a zone that says nothing has another trouble.
  if (code === Code.DeadlineExceeded && rawMessage.startsWith('configure ')) {
    const text = `${rawMessage}: the zone needs an interface with each MAC address`;
    return new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
  }
  if (code !== Code.Internal) return error;
  // What cannot be seen from here, such as a source address that no interface has.
  return new ConnectError(rawMessage, Code.FailedPrecondition, undefined, undefined, error);
}
