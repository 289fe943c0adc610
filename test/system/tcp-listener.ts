import { once } from 'node:events';
import { createServer } from 'node:net';
import type { TestAuthority } from '@protect/service/testing/certificates';

/** Where a daemon under test is to listen on TCP. */
export interface TcpListener {
  readonly port: number;
  /** Its part of daemon.toml. */
  readonly toml: string;
}

/** A free port of 127.0.0.1, and a certificate for it; clients need one of the same authority. */
export async function tcpListener(authority: TestAuthority): Promise<TcpListener> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('the kernel gave no port');
  const { certFile, keyFile } = await authority.issue('server');
  const toml = [
    '[runtime.listen.tcp]',
    `address = "127.0.0.1:${address.port}"`,
    `cert = "${certFile}"`,
    `key = "${keyFile}"`,
    `client-ca = "${authority.certFile}"`,
    '',
  ].join('\n');
  return { port: address.port, toml };
}
