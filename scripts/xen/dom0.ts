import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '@protect/service/run-tool';
import { logTail, waitForLine } from '../stack/log-file.ts';
import { endProcess } from '../stack/process-id.ts';
import type { Steps } from '../stack/steps.ts';
import { bootFiles } from './boot-files.ts';
import { type Dom0Connection, type Dom0Record, dom0Connection, dom0Died } from './connection.ts';
import { dom0Image } from './image.ts';
import { projectDisk } from './project-disk.ts';
import { startQemu } from './qemu.ts';

/** A Dom0 of our own; disposing of it ends it and removes all that it left. */
export interface Dom0 extends Dom0Connection, AsyncDisposable {
  /** A file for `connectDom0` in other processes. */
  readonly recordPath: string;
  /** Aborted, with the reason, when QEMU has ended. */
  readonly ended: AbortSignal;
}

export interface BootOptions {
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/** Emulation on a busy machine; usually it takes a tenth of this. */
const bootDeadlineMs = 300_000;

/** Boots Xen and its Dom0 with this working tree in it; settles when commands can be run there. */
export async function bootDom0({ steps, signal }: BootOptions): Promise<Dom0> {
  const image = await dom0Image(steps, signal);
  const disk = await steps.run('project disk', () => projectDisk(signal));
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'protect-dom0-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const sshPort = await freePort();
  const files = await prepareSsh(folder, sshPort);
  const ramdisk = join(folder, 'ramdisk');
  await writeFile(ramdisk, Buffer.concat([await readFile(image.ramdisk), await bootFiles(files)]));
  const serialLog = join(folder, 'serial.log');
  await writeFile(serialLog, '');

  const qemuLog = join(folder, 'qemu.log');
  const qemu = startQemu({
    image,
    ramdisk,
    projectDisk: disk,
    serialLog,
    log: qemuLog,
    temporaryFolder: folder,
    sshPort,
  });
  cleanup.defer(async () => void (await endProcess(qemu.id, 5_000)));
  const record: Dom0Record = { qemu: qemu.id, serialLog, sshConfig: join(folder, 'ssh_config') };
  const stop = AbortSignal.any([signal, qemu.ended, AbortSignal.timeout(bootDeadlineMs)]);
  try {
    await steps.run('Xen and Dom0 boot', () => waitForLine(serialLog, 0, isReady, stop));
    await steps.run('ssh', async () => cleanup.use(await openMaster(record.sshConfig, stop)));
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`Dom0 did not boot: ${logTail(qemuLog, 5)}\n${dom0Died(record).message}`, {
      cause: error,
    });
  }
  const recordPath = join(folder, 'dom0.json');
  await writeFile(recordPath, JSON.stringify(record));
  const resources = cleanup.move();
  return {
    ...dom0Connection(record),
    recordPath,
    ended: qemu.ended,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

const isReady = (line: string) => line.includes('DOM0-READY');

/** Makes keys for both ends of this boot, so that each knows the other; gives the files for Dom0's end. */
async function prepareSsh(folder: string, port: number) {
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
    // Without one systemd would take each boot for the first.
    { path: 'etc/machine-id', mode: 0o444, bytes: Buffer.from(`${randomBytes(16).toString('hex')}\n`) },
    { path: 'root/.ssh/authorized_keys', mode: 0o600, bytes: user.shared },
  ];
}

/** One connection that all commands share, so that none has to shake hands. */
async function openMaster(sshConfig: string, signal: AbortSignal): Promise<AsyncDisposable> {
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address !== 'object') throw new Error('the kernel gave no free port');
  return address.port;
}
