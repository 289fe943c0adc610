import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import type { StatePaths } from '@protect/config/paths';

const greetingMs = 1_000;

/** The name that nats-server of this state folder goes by. */
export function natsServerName(paths: StatePaths): string {
  return `protect-${createHash('sha256').update(paths.root).digest('hex').slice(0, 16)}`;
}

/** Name of the nats-server that listens on this port of 127.0.0.1; undefined when it is something else. */
export async function serverAt(port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ port, host: '127.0.0.1', timeout: greetingMs });
  let greeting = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    greeting += text;
    if (greeting.includes('\n') || greeting.length > 16_384) {
      resolve(/"server_name":"([^"]*)"/.exec(greeting)?.[1]);
    }
  });
  for (const event of ['error', 'timeout', 'close']) socket.on(event, () => resolve(undefined));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
