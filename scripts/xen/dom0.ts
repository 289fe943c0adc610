import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logTail, waitForLine } from '../stack/log-file.ts';
import { endProcess, identifyProcess } from '../stack/process-id.ts';
import type { Steps } from '../stack/steps.ts';
import { bootFiles } from './boot-files.ts';
import { type Dom0Connection, type Dom0Record, dom0Connection, dom0Died } from './connection.ts';
import { dom0Image } from './image.ts';
import { projectDisk } from './project-disk.ts';
import { startQemu } from './qemu.ts';
import { openMaster, prepareSsh } from './ssh.ts';

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
  await removeAbandoned();
  const folder = await mkdtemp(join(tmpdir(), `protect-dom0-${process.pid}-`));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const sshPort = await freePort();
  const files = await prepareSsh(folder, sshPort);
  // Without one systemd would take each boot for the first.
  files.push({
    path: 'etc/machine-id',
    mode: 0o444,
    bytes: Buffer.from(`${randomBytes(16).toString('hex')}\n`),
  });
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

/** What runs that were killed left; their QEMU has ended with them. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^protect-dom0-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !identifyProcess(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

const isReady = (line: string) => line.includes('DOM0-READY');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address !== 'object') throw new Error('the kernel gave no free port');
  return address.port;
}
