import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ListenAddress } from './listen-address.ts';

const requestTimeoutMs = 5_000;
const maxConnections = 64;

export interface MetricsServer extends AsyncDisposable {
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
}

/** Metrics in the text format of Prometheus. */
export type RenderMetrics = () => Promise<{ contentType: string; text: string }>;

/** Serves each page at its path. Rejects with the address and the remedy when it is taken. */
export async function serveMetrics(
  { host, port }: ListenAddress,
  pages: Readonly<Record<string, RenderMetrics>>,
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const render = request.method === 'GET' && Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (render === undefined) {
      const here = Object.keys(pages).join(' and ');
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`only GET ${here} are here\n`);
      return;
    }
    render().then(
      ({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = maxConnections;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new Error(
      `cannot serve metrics on ${host}:${port}: ${error instanceof Error ? error.message : error}; free the port or choose another with --metrics-http-listen-addr`,
      { cause: error },
    );
  }
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
