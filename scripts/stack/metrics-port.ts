import { once } from 'node:events';
import { createServer } from 'node:net';

/** Where protect-orchestrator shows its metrics unless told otherwise. */
const usualPort = 3035;

/** The usual port of 127.0.0.1, or a free one when another stack of this host has it. */
export async function freeMetricsPort(): Promise<number> {
  return (await portIfFree(usualPort)) ?? (await portIfFree(0)) ?? usualPort;
}

async function portIfFree(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return address !== null && typeof address === 'object' ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
