import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '@protect/service/run-tool';
import type { BootFile } from './boot-files.ts';

/** Makes keys for both ends of this boot, so that each knows the other; gives the files for Dom0's end. */
export async function prepareSsh(folder: string, port: number): Promise<BootFile[]> {
  const key = async (name: string) => {
    const path = join(folder, name);
    await runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'dom0', '-f', path], {
      timeoutMs: 10_000,
    });
    return { path, secret: await readFile(path), shared: await readFile(`${path}.pub`) };
  };
  const [host, user] = await Promise.all([key('host_key'), key('user_key')]);
  await writeFile(join(folder, 'known_hosts'), `dom0 ${host.shared}`);
  const settings = {
    HostName: '127.0.0.1',
    Port: port,
    User: 'root',
    HostKeyAlias: 'dom0',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: join(folder, 'known_hosts'),
    GlobalKnownHostsFile: '/dev/null',
    IdentityFile: user.path,
    IdentitiesOnly: 'yes',
    ControlPath: join(folder, 'control'),
    LogLevel: 'ERROR',
  };
  const lines = Object.entries(settings).map(([name, value]) => `  ${name} ${value}\n`);
  await writeFile(join(folder, 'ssh_config'), `Host dom0\n${lines.join('')}`);
  return [
    { path: 'etc/ssh/ssh_host_ed25519_key', mode: 0o600, bytes: host.secret },
    { path: 'root/.ssh/authorized_keys', mode: 0o600, bytes: user.shared },
  ];
}

/** One connection that all commands share, so that none has to shake hands. */
export async function openMaster(sshConfig: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const announce = ['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo connected'];
  const ssh = ['ssh', '-F', sshConfig, '-M', '-N', '-T', ...announce, 'dom0'];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...ssh], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  const end = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  const complaints: Buffer[] = [];
  child.stderr.on('data', (bytes: Buffer) => complaints.push(bytes));
  const failed = ended.then(() => {
    throw new Error(`ssh cannot connect: ${Buffer.concat(complaints).toString().trim()}`);
  });
  try {
    await Promise.race([once(child.stdout, 'data', { signal }), failed]);
  } catch (error) {
    await end();
    throw error;
  }
  failed.catch(() => {});
  return { [Symbol.asyncDispose]: end };
}
