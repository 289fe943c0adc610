import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach } from 'vitest';

/** Serves HTTP for one test and gives host and port; the server ends with the test. */
export function temporaryServers(): (listener: RequestListener, address?: string) => Promise<string> {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
  return async (listener, address = '127.0.0.1') => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
    return `${address}:${bound.port}`;
  };
}
