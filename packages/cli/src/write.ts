import { once } from 'node:events';
import type { OutputStream } from './cli.ts';

/** Writes and waits for room, so that a slow reader of ours slows the sender instead of filling memory. */
export async function write(stream: OutputStream, data: Uint8Array | string): Promise<void> {
  if (!stream.write(data)) await once(stream, 'drain');
}
