import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { newZoneId } from '@protect/config/ids';
import { openLayout } from '@protect/oci/layout';
import { unpackZoneInitrd, unpackZoneKernel } from '@protect/oci/zone-kernel';
import { pino } from 'pino';
import { z } from 'zod';
import {
  type IdmConnection,
  type IdmConnectionOptions,
  openIdmConnection,
} from '../../../services/daemon/src/idm/connection.ts';
import { run } from '../../run.ts';

const build = join(import.meta.dirname, '../../build');

/** The image of the test's workloads, by its serial. */
export const imageSerial = 'test-image';
/** A second disk with the same image, not plugged in at the start. */
export const lateSerial = 'late-image';
/** The kernel's addons. */
export const addonsSerial = 'addons';
/** Addresses of the zone's network interfaces, which are connected to nothing. */
export const zoneMac = '02:00:00:00:00:01';
export const otherMac = '02:00:00:00:00:02';

const leaveRootSource = join(import.meta.dirname, 'programs/leave-root.c');

const qmpMessage = z.looseObject({
  return: z.unknown().optional(),
  error: z.looseObject({ desc: z.string() }).optional(),
});

/** A zone of the real kernel and ramdisk under QEMU, without the daemon around it. */
export interface BootedZone extends AsyncDisposable {
  /** The channel as a byte stream; one at a time. */
  openStream(): Promise<Socket>;
  /** The channel after its hello. */
  connect(options?: Partial<IdmConnectionOptions>): Promise<IdmConnection>;
  /** What the console has shown. */
  console(): Promise<string>;
  /** Plugs the disk with `lateSerial` in. */
  plugLateDisk(): Promise<void>;
  /** Settles when the machine has ended by itself. */
  readonly ended: Promise<void>;
  readonly qemuPid: number;
}

/** Makes a SquashFS with busybox and its applets. */
async function makeImage(folder: string): Promise<string> {
  const root = join(folder, 'root');
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'data'])
    await mkdir(join(root, name), { recursive: true });
  await writeFile(join(root, 'bin/busybox'), await readFile('/bin/busybox'), { mode: 0o755 });
  const applets =
    'sh cat echo id uname hostname head tail dd sleep stat ls kill ps wc tee stty mount env test yes ip sort tr seq grep readlink';
  for (const name of applets.split(' ')) await symlink('busybox', join(root, 'bin', name));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  await run('gcc', ['-static', '-O1', '-o', join(root, 'bin/leave-root'), leaveRootSource]);
  const image = join(folder, 'image.squashfs');
  await run('mksquashfs', [root, image, '-quiet', '-no-progress', '-comp', 'zstd', '-all-root']);
  return image;
}

function disk(id: string, path: string, attach: boolean): string[] {
  const drive = ['-drive', `if=none,id=${id},file=${path},format=raw,readonly=on`];
  return attach ? [...drive, '-device', `scsi-hd,drive=${id},serial=${id},bus=scsi0.0`] : drive;
}

async function socketTo(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
}

/** QEMU takes one client at a time, and a new one only after it has seen the last one leave. */
async function patientSocketTo(path: string): Promise<Socket> {
  for (;;) {
    try {
      return await socketTo(path);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await delay(20);
    }
  }
}

/** Waits for QEMU's monitor, which proves that all its sockets are there. */
async function waitForMonitor(path: string, qemu: ChildProcess): Promise<Socket> {
  for (;;) {
    try {
      return await socketTo(path);
    } catch (cause) {
      if (qemu.exitCode !== null) throw new Error('QEMU ended at once', { cause });
      await delay(20);
    }
  }
}

/** Boots what `node zone/build.ts` made. */
export async function bootZone({ memoryMib = 192 }: { memoryMib?: number } = {}): Promise<BootedZone> {
  const folder = await mkdtemp(join(tmpdir(), 'protect-zone-'));
  const signal = AbortSignal.timeout(120_000);
  const cacheDir = join(build, 'cache/boot');
  const kernel = await unpackZoneKernel({ image: openLayout(join(build, 'kernel')), cacheDir, signal });
  const initrd = await unpackZoneInitrd({ image: openLayout(join(build, 'initrd')), cacheDir, signal });
  const image = await makeImage(folder);
  const path = (name: string) => join(folder, name);
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-machine', 'q35'],
      ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', `${memoryMib}`],
      ...['-kernel', kernel.kernelPath, '-initrd', initrd.initrdPath],
      ...['-append', 'console=hvc0 quiet panic=-1 no_timer_check tsc=reliable'],
      ...[
        '-chardev',
        `socket,id=qmp,path=${path('qmp')},server=on,wait=off`,
        '-mon',
        'chardev=qmp,mode=control',
      ],
      ...['-chardev', `socket,id=idm,path=${path('idm')},server=on,wait=off`],
      ...['-chardev', `file,id=console,path=${path('console')}`],
      ...['-device', 'virtio-serial-pci,id=serial0', '-device', 'virtconsole,chardev=console'],
      ...['-device', 'virtserialport,chardev=idm,name=org.protect.idm'],
      ...['-device', 'virtio-scsi-pci,id=scsi0'],
      // The kernel names the first one eth0, and the zone is told to call the second so.
      ...['-netdev', 'user,id=other,restrict=on'],
      ...['-device', `virtio-net-pci,netdev=other,mac=${otherMac},romfile=`],
      ...[
        '-netdev',
        'user,id=link0,restrict=on',
        '-device',
        `virtio-net-pci,netdev=link0,mac=${zoneMac},romfile=`,
      ],
      ...disk(imageSerial, image, true),
      ...disk(lateSerial, image, false),
      ...(kernel.addonsPath === undefined ? [] : disk(addonsSerial, kernel.addonsPath, true)),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = once(qemu, 'exit').then(() => undefined);
  const monitor = await waitForMonitor(path('qmp'), qemu);
  const replies = createInterface({ input: monitor })[Symbol.asyncIterator]();
  const ask = async (execute: string, parameters: object = {}) => {
    monitor.write(`${JSON.stringify({ execute, arguments: parameters })}\n`);
    for (;;) {
      const { value, done } = await replies.next();
      if (done) throw new Error('the monitor closed');
      const message = qmpMessage.parse(JSON.parse(value));
      if (message.error !== undefined) throw new Error(message.error.desc);
      if ('return' in message) return;
    }
  };
  await ask('qmp_capabilities');
  const openStream = () => patientSocketTo(path('idm'));
  return {
    ended,
    qemuPid: qemu.pid ?? 0,
    openStream,
    async connect(options = {}) {
      const connection = openIdmConnection(await openStream(), {
        zoneId: newZoneId(),
        logger: pino({ level: 'silent' }),
        version: 'test',
        ...options,
      });
      await connection.hello({ deadlineMs: 30_000 });
      return connection;
    },
    console: () => readFile(path('console'), 'utf8'),
    plugLateDisk: () =>
      ask('device_add', {
        driver: 'scsi-hd',
        drive: lateSerial,
        serial: lateSerial,
        id: 'late',
        bus: 'scsi0.0',
      }),
    async [Symbol.asyncDispose]() {
      monitor.destroy();
      qemu.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
