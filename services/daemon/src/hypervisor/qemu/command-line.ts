import type { DomainLink, DomainSpec, DomainTap } from '../hypervisor.ts';
import { controlSocketFile } from './control-socket.ts';

/** Where QEMU's monitor for the moment of its start is inherited. */
export const bootMonitorFd = 3;

/** Open files of one QEMU: 255 disks and some. */
const openFilesMax = 1024;

/** Tasks of one zone's uid: virtual CPUs and threads for disks. */
export const tasksMax = 512;

/** What does not come from the zone's specification. */
export interface QemuSettings {
  readonly binary: string;
  readonly acceleration: 'kvm' | 'tcg';
  /** MiB of translated code kept under emulation. */
  readonly translationCacheMib: number;
}

/**
 * Kernel parameters that every zone gets first: no output on a UART that does not exist, a panic ends
 * the machine at once, and no check of timers that fails when the host is busy.
 */
function kernelCommandLine(spec: DomainSpec, acceleration: 'kvm' | 'tcg'): string {
  const console = spec.verboseConsole ? 'console=ttyS0' : 'console=hvc0 quiet';
  const timers = acceleration === 'tcg' ? ' no_timer_check tsc=reliable' : '';
  return `${console} panic=-1 reboot=t${timers} ${spec.kernelCmdline}`.trimEnd();
}

function accelerator({ acceleration, translationCacheMib }: QemuSettings): string[] {
  return acceleration === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', `tcg,thread=multi,tb-size=${translationCacheMib}`, '-cpu', 'max'];
}

/** A CPU beside the first, as a device of its own, so that it can be plugged out like those that come later. */
function cpuDevice(acceleration: 'kvm' | 'tcg', socket: number): string[] {
  const driver = `${acceleration === 'kvm' ? 'host' : 'max'}-x86_64-cpu`;
  return ['-device', `${driver},id=cpu${socket},socket-id=${socket},core-id=0,thread-id=0`];
}

function serverSocket(id: 'qmp' | 'idm' | 'console'): string[] {
  // Relative to the control folder, in which QEMU is started: socket addresses are short.
  return ['-chardev', `socket,id=${id},path=${controlSocketFile(id)},server=on,wait=off`];
}

function consoleDevice(verbose: boolean): string[] {
  return verbose
    ? ['-device', 'isa-serial,chardev=console']
    : ['-device', 'virtconsole,bus=serial0.0,nr=0,chardev=console'];
}

/** QEMU declares taps, and gets nothing else. */
function tapOf(link: DomainLink): DomainTap {
  if (link.kind === 'tap') return link;
  throw new Error(`QEMU plugs taps, not a ${link.kind}`);
}

function linkDevices(link: DomainTap, index: number): string[] {
  const netdev = {
    type: 'tap',
    id: `link${index}`,
    ifname: link.hostInterface,
    script: 'no',
    downscript: 'no',
    vhost: false,
  };
  const device = { driver: 'virtio-net-pci', netdev: netdev.id, mac: link.mac, romfile: '' };
  return ['-netdev', JSON.stringify(netdev), '-device', JSON.stringify(device)];
}

/** QEMU's own arguments. The machine starts stopped; its disks are plugged in before it runs. */
export function qemuArguments(spec: DomainSpec, settings: QemuSettings): string[] {
  return [
    ...['-name', `zone-${spec.zoneId}`, '-uuid', spec.zoneId],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S'],
    ...['-machine', 'q35,sata=off,smbus=off,usb=off,vmport=off,i8042=off,hpet=off,memory-backend=memory'],
    // A machine that has ended waits for the daemon, so that the reason is known even if the daemon was away.
    ...['-action', 'reboot=shutdown,shutdown=pause,panic=pause,watchdog=pause'],
    ...accelerator(settings),
    ...['-object', `memory-backend-ram,id=memory,size=${spec.maxMemoryMib}M`, '-m', `${spec.maxMemoryMib}M`],
    ...['-smp', `cpus=1,sockets=${spec.maxCpus},cores=1,threads=1,maxcpus=${spec.maxCpus}`],
    ...Array.from({ length: spec.cpus - 1 }, (_, index) =>
      cpuDevice(settings.acceleration, index + 1),
    ).flat(),
    ...['-kernel', spec.kernelPath, '-initrd', spec.initrdPath],
    ...['-append', kernelCommandLine(spec, settings.acceleration)],
    ...['-chardev', `socket,id=boot,fd=${bootMonitorFd}`, '-mon', 'chardev=boot,mode=control'],
    ...[...serverSocket('qmp'), '-mon', 'chardev=qmp,mode=control'],
    ...[...serverSocket('idm'), ...serverSocket('console')],
    ...['-device', 'virtio-serial-pci,id=serial0,max_ports=4'],
    ...consoleDevice(spec.verboseConsole),
    ...['-device', 'virtserialport,bus=serial0.0,nr=1,chardev=idm,name=org.protect.idm'],
    ...['-device', 'virtio-scsi-pci,id=scsi0'],
    // Tells a panic from a power-off, also to a daemon that was away.
    ...['-device', 'pvpanic-pci'],
    // Not deflate-on-oom: with it the zone's kernel counts what the balloon has taken as its own.
    ...['-device', 'virtio-balloon-pci,id=balloon0'],
    ...spec.links.map(tapOf).flatMap(linkDevices),
    // elevateprivileges=deny would forbid the very setuid by which -runas gives root up; afterwards
    // QEMU has no capability left, and setpriv has taken the way back through programs.
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny'],
    ...['-runas', `${spec.uid}:${spec.uid}`],
  ];
}

/** The whole command: each program becomes the next, so that one process is started. */
export function domainCommand(spec: DomainSpec, settings: QemuSettings): string[] {
  const namespaces = new Set(spec.links.map((link) => tapOf(link).netnsPath));
  if (namespaces.size > 1)
    throw new Error(`the links of zone ${spec.zoneId} are in different network namespaces`);
  const [netns] = namespaces;
  return [
    ...(netns === undefined ? [] : ['/usr/bin/nsenter', `--net=${netns}`, '--']),
    ...['/usr/bin/setpriv', '--no-new-privs', '--'],
    ...['/usr/bin/prlimit', '--core=0', `--nofile=${openFilesMax}`, `--nproc=${tasksMax}`, '--'],
    settings.binary,
    ...qemuArguments(spec, settings),
  ];
}
