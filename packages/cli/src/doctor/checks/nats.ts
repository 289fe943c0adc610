import { connect } from 'node:net';
import { readServerAddress } from '@protect/bus/server-address';
import { statePaths } from '@protect/config/paths';
import type { Check } from '../check.ts';
import { failed, ok, unseen, warning } from '../finding.ts';
import { at, isForbidden, wasStarted } from '../host.ts';

const name = 'NATS';

/** nats-server is there; it greets whoever connects. */
export const nats: Check = {
  name,
  async find(host, signal) {
    const { natsServerConfig } = statePaths(host.state);
    const start = `start nats-server --config ${natsServerConfig}`;
    try {
      const { url } = await readServerAddress(statePaths(at(host, host.state)));
      const version = await greetingVersion(url, signal);
      if (version !== undefined) return [ok(name, `nats-server ${version} at ${url}`)];
      return [failed(name, `nothing answers at ${url}`, start)];
    } catch (error) {
      if (isForbidden(error)) return [unseen(name, 'its address')];
      const report = (await wasStarted(host)) ? failed : warning;
      return [report(name, `no address in ${host.state}/nats`, 'start the services of Protect')];
    }
  },
};

/** What the server says of itself; undefined when nobody answers as one. */
async function greetingVersion(url: string, signal: AbortSignal): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port || 4222), signal });
  let greeting = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    greeting += text;
    if (greeting.includes('\n') || greeting.length > 16_384) {
      resolve(/"version":"([^"]*)"/.exec(greeting)?.[1]);
    }
  });
  for (const event of ['error', 'close']) socket.on(event, () => resolve(undefined));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
