import { isIP } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import type { DialNetworkSocketRequest } from '@protect/proto/control';
import type { IdmStream } from '../idm/stream.ts';
import { invalidField } from '../invalid-argument.ts';
import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { firstMessage } from './first-message.ts';
import { followDial } from './follow-dial.ts';

/** Longest wait for a zone that is being made or connects anew. */
const zoneMs = 60_000;

/**
 * Connects with a TCP port in a zone. The end of the caller's messages ends that direction of the connection. The end
 * of the other is told by an empty content; the call ends once both have, or soon after when the caller is silent.
 */
export function dialNetworkSocket(
  deps: Pick<ControlDeps, 'zones' | 'supervisor' | 'background'>,
): ControlMethods['dialNetworkSocket'] {
  return async function* (requests, { signal }) {
    const { first, rest } = await firstMessage(requests);
    if (first.request.case !== 'start') {
      throw invalidField('start', 'the first message must say what to dial');
    }
    const { address, port } = first.request.value;
    const { id } = deps.zones.get(decodeZoneId(first.request.value.zoneId, 'start.zone_id'));
    checkTarget(address, port);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(zoneMs)]);
    const zone = await deps.supervisor.whenReady(id, limit);
    const connection = await zone.connection(limit);
    const stream = connection.dial({ address, port }, { signal });
    const dial = followDial(stream);
    try {
      // What breaks is the caller's side, which `signal` tells of, or the connection, which its reader is told.
      deps.background(
        'dialled input',
        feed(rest, stream, dial.heard).catch(() => undefined),
      );
      for await (const content of dial.contents) yield { data: { content } };
    } catch (error) {
      throw ConnectError.from(error).code === Code.Unimplemented ? tooOld(error) : error;
    } finally {
      stream.close();
    }
  };
}

function checkTarget(address: string, port: number): void {
  if (address !== '' && (isIP(address) === 0 || address.includes('%'))) {
    const shown = JSON.stringify(address.slice(0, 64));
    throw invalidField('start.address', `${shown} is no IP address; leave it empty for the loopback`);
  }
  if (port < 1 || port > 65_535) throw invalidField('start.port', `port ${port} is not from 1 to 65535`);
}

async function feed(
  rest: AsyncIterator<DialNetworkSocketRequest>,
  stream: IdmStream,
  heard: () => void,
): Promise<void> {
  while (true) {
    const next = await rest.next();
    if (next.done === true) {
      await stream.send({ case: 'stdin', value: { closed: true } });
      return;
    }
    heard();
    const { request } = next.value;
    if (request.case !== 'data' || request.value.content.length === 0) continue;
    await stream.send({ case: 'stdin', value: { data: request.value.content } });
  }
}

function tooOld(error: unknown): ConnectError {
  const text = "the zone's init is too old to dial; launch the zone anew with this release's ramdisk";
  return new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
}
