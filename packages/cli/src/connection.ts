import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ControlService } from '@protect/proto/control';
import type { ControlClient } from './cli.ts';
import { usageError } from './command-error.ts';
import { endCallsOn } from './interrupt.ts';

const installedSocket = '/var/lib/edera/protect/daemon.socket';
const checkoutRoot = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The path of the daemon's socket: from `--connection`, else $PROTECT_CONNECTION, else the socket of a
 * checkout's own state folder when there is one (here or where this file is), else the installed one.
 */
export function socketPath(
  option: string | undefined,
  environment: string | undefined,
  folders: readonly string[] = [process.cwd(), checkoutRoot],
): string {
  const given = option ?? (environment === '' ? undefined : environment);
  if (given !== undefined) return parseConnection(given);
  const local = folders.map((folder) => join(folder, '.protect', 'daemon.socket'));
  return (
    local.find((path) => statSync(path, { throwIfNoEntry: false })?.isSocket() === true) ?? installedSocket
  );
}

function parseConnection(text: string): string {
  const path = text.startsWith('unix://') ? text.slice('unix://'.length) : text;
  if (path.startsWith('/')) return path;
  throw usageError(
    `--connection ${text}: only unix sockets are supported; write it as unix://${installedSocket}`,
  );
}

/** A client of the control API on a unix socket; its calls end when `interrupted` is aborted. */
export function connectControl(path: string, interrupted: AbortSignal): ControlClient {
  // The authority has to be a host's name: HTTP/2 servers refuse a path there.
  const authority = 'http://localhost';
  const session = new Http2SessionManager(authority, {}, { createConnection: () => connect(path) });
  const transport = createConnectTransport({
    baseUrl: authority,
    httpVersion: '2',
    sessionManager: session,
    // On the same machine compressing costs more than it saves.
    acceptCompression: [],
    interceptors: [endCallsOn(interrupted)],
  });
  return createClient(ControlService, transport);
}
