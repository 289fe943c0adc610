import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DialNetworkSocketRequestSchema } from '@protect/proto/control';
import type { ControlClient } from './cli.ts';

/** A TCP port in a zone. */
export interface DialTarget {
  readonly zoneId: string;
  /** An address of the zone; empty is its loopback. */
  readonly address: string;
  readonly port: number;
}

/**
 * Connects with the port: `input` goes there, and all that comes back to `print`. The end of the input is
 * passed on; returns when the other end has closed the connection.
 */
export async function dialSocket(
  control: ControlClient,
  target: DialTarget,
  input: AsyncIterable<Uint8Array | string>,
  print: (data: Uint8Array) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const replies = control.dialNetworkSocket(requests(target, input), signal === undefined ? {} : { signal });
  for await (const { data } of replies) {
    if (data !== undefined && data.content.length > 0) await print(data.content);
  }
}

async function* requests(
  target: DialTarget,
  input: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<MessageInitShape<typeof DialNetworkSocketRequestSchema>> {
  yield { request: { case: 'start', value: { ...target } } };
  for await (const chunk of input) {
    const content = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    yield { request: { case: 'data', value: { content } } };
  }
}
