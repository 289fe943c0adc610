import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename } from 'node:path';
import { statePaths } from '@protect/config/paths';
import type { Check } from '../check.ts';
import { type Finding, failed, ok, unseen, warning } from '../finding.ts';
import { at, exists, type Host, isForbidden, readText, wasStarted } from '../host.ts';

const name = 'sockets';

/** Sockets and credentials are there, answer, and are open to nobody else. */
export const sockets: Check = {
  name,
  async find(host) {
    const { daemonSocket, criSocket, nats } = statePaths(host.state);
    const found = [await socketFinding(host, daemonSocket), await socketFinding(host, criSocket)];
    return [...found, ...(await credentialsFinding(host, nats))];
  },
};

async function socketFinding(host: Host, path: string): Promise<Finding> {
  const label = basename(path);
  const service = label === 'cri.socket' ? 'protect-cri' : 'protect-daemon';
  if (!(await exists(host, path))) {
    const report = (await wasStarted(host)) && service === 'protect-daemon' ? failed : warning;
    return report(label, `there is none in ${host.state}`, `start ${service}`);
  }
  const { mode, gid } = await stat(at(host, path));
  const permissions = (mode & 0o777).toString(8).padStart(4, '0');
  const detail = `mode ${permissions}, group ${await groupName(host, gid)}`;
  if ((mode & 0o007) !== 0) {
    return failed(label, `${detail}: open to everybody`, `restart ${service}, which makes it 0660 again`);
  }
  const refusal = await refusalOf(at(host, path));
  if (refusal === 'EACCES')
    return warning(label, `${detail}: closed to this user`, 'join its group, or be root');
  if (refusal !== undefined)
    return failed(label, `${detail}: nothing listens (${refusal})`, `start ${service}`);
  return ok(label, detail);
}

/** Why a connection fails; undefined when it does not. */
function refusalOf(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

async function groupName(host: Host, gid: number): Promise<string> {
  const groups = (await readText(host, '/etc/group')) ?? '';
  return new RegExp(`^([^:\\n]+):[^:\\n]*:${gid}:`, 'm').exec(groups)?.[1] ?? String(gid);
}

async function credentialsFinding(host: Host, folder: string): Promise<readonly Finding[]> {
  const label = 'credentials';
  try {
    if (!(await exists(host, folder))) return [];
    const { mode } = await stat(at(host, folder));
    if ((mode & 0o077) === 0) return [ok(label, `${folder} is root’s alone`)];
    return [failed(label, `${folder} is open to others`, `chmod 0700 ${folder}`)];
  } catch (error) {
    if (isForbidden(error)) return [unseen(label, folder)];
    throw error;
  }
}
