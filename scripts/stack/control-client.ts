import { connect } from 'node:net';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ControlService } from '@protect/proto/control';

export type ControlClient = Client<typeof ControlService>;

/** A client of the control API on its unix socket, and what ends its connection. */
export function connectControl(socketPath: string): { client: ControlClient; close(): void } {
  const session = new Http2SessionManager(
    'http://localhost',
    {},
    { createConnection: () => connect(socketPath) },
  );
  const transport = createConnectTransport({
    baseUrl: 'http://localhost',
    httpVersion: '2',
    sessionManager: session,
  });
  return { client: createClient(ControlService, transport), close: () => session.abort() };
}
