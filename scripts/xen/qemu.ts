import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { identifyProcess, type ProcessId } from '../stack/process-id.ts';
import type { Dom0Image } from './image.ts';

/** Dom0's own memory; what is left of `machineMib` is for zones. */
const dom0Mib = 2048;
const machineMib = 6144;

export interface QemuOptions {
  readonly image: Dom0Image;
  /** The image's ramdisk with what is of this boot. */
  readonly ramdisk: string;
  readonly projectDisk: string;
  readonly serialLog: string;
  /** Where QEMU's own complaints go. */
  readonly log: string;
  /** For the changes to the root, in files without a name. */
  readonly temporaryFolder: string;
  /** Port of 127.0.0.1 that leads to Dom0's sshd. */
  readonly sshPort: number;
}

/** A running QEMU; it does not outlive the process that started it, not even one that is killed. */
export interface Qemu {
  readonly id: ProcessId;
  /** Aborted, with the reason, when it has ended. */
  readonly ended: AbortSignal;
}

export function qemuArguments(options: QemuOptions): readonly string[] {
  const disk = (file: string, settings: string) =>
    `file=${file.replaceAll(',', ',,')},if=virtio,format=raw,${settings}`;
  // Without a way out: what Dom0 needs, it has.
  const network = `user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:${options.sshPort}-10.0.2.15:22`;
  const console = 'console=com1 com1=115200,8n1 loglvl=warning guest_loglvl=info';
  // With lazy switching of the FPU, which QEMU emulates wrongly, guests compute with each other's registers.
  const xen = `${console} dom0_mem=${dom0Mib}M,max:${dom0Mib}M dom0=pv spec-ctrl=eager-fpu bootscrub=0`;
  const units = 'systemd.wants=dom0-network.service systemd.wants=dom0-ready.service';
  const linux = `console=hvc0 net.ifnames=0 panic=-1 quiet systemd.show_status=auto ${units}`;
  return [
    ...['-M', 'q35', '-accel', 'tcg,thread=multi', '-m', `${machineMib}`, '-smp', '2'],
    // Emulated, smap and smep crash a PV Dom0, and rdtscp a PVH domain.
    ...['-cpu', 'max,-smap,-smep,-rdtscp'],
    ...['-nodefaults', '-display', 'none', '-monitor', 'none', '-no-reboot'],
    ...['-serial', `file:${options.serialLog}`],
    ...['-kernel', options.image.xen, '-append', xen],
    ...['-initrd', `${options.image.kernel} ${linux},${options.ramdisk}`],
    ...['-drive', disk(options.image.root, 'snapshot=on,cache=unsafe')],
    ...['-drive', disk(options.projectDisk, 'readonly=on')],
    ...['-netdev', network, '-device', 'virtio-net-pci,netdev=net0,romfile='],
  ];
}

export function startQemu(options: QemuOptions): Qemu {
  const log = openSync(options.log, 'w');
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...qemuArguments(options)],
    {
      // Ctrl-C in the terminal is for the bench, which ends QEMU in turn.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, TMPDIR: options.temporaryFolder },
    },
  );
  closeSync(log);
  const ended = new AbortController();
  child.once('error', (error) => ended.abort(new Error(`QEMU cannot be started: ${error.message}`)));
  child.once('exit', (code, by) => ended.abort(new Error(`QEMU ended with ${by ?? `exit code ${code}`}`)));
  const id = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (!id) throw new Error('QEMU cannot be started: is qemu-system-x86 installed?');
  child.unref();
  return { id, ended: ended.signal };
}
