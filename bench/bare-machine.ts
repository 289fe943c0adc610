import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What makes two virtual machines comparable, as arguments of QEMU. */
export interface MachineArguments {
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
  /** Everything about accelerator, machine type, processors and memory. */
  readonly platform: readonly string[];
}

/** A QEMU with nothing but processors, memory and the port of IDM. */
export interface BareMachine {
  /** The host's end of the port. */
  readonly port: Socket;
  readonly pid: number;
  end(): Promise<void>;
}

const platformFlags: readonly string[] = ['-M', '-machine', '-accel', '-cpu', '-smp', '-m'];

/** The comparable arguments of a QEMU that runs as process `pid`. */
export function argumentsOf(pid: number): MachineArguments {
  const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const value = (flag: string) => {
    const found = argv[argv.indexOf(flag) + 1];
    if (!argv.includes(flag) || found === undefined)
      throw new Error(`process ${pid} is no QEMU with ${flag}`);
    return found;
  };
  const platform = argv.flatMap((word, index) => {
    const next = argv[index + 1] ?? '';
    const isPlatform =
      platformFlags.includes(word) || (word === '-object' && next.startsWith('memory-backend'));
    return isPlatform ? [word, next] : [];
  });
  return { kernel: value('-kernel'), initrd: value('-initrd'), append: value('-append'), platform };
}

/** Starts such a machine; settles when QEMU has opened the port's host end. */
export async function startBareMachine(machine: MachineArguments, signal: AbortSignal): Promise<BareMachine> {
  const folder = await mkdtemp(join(tmpdir(), 'protect-bench-'));
  const socketPath = join(folder, 'port');
  const server = createServer();
  server.listen(socketPath);
  await once(server, 'listening');
  const child = spawn(
    'qemu-system-x86_64',
    [
      ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', ...machine.platform],
      ...['-kernel', machine.kernel, '-initrd', machine.initrd, '-append', machine.append],
      ...['-chardev', `socket,id=idm,path=${socketPath}`, '-device', 'virtio-serial-pci'],
      ...['-device', 'virtserialport,chardev=idm,name=org.protect.idm'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const refused = ended.then(([code]) =>
    Promise.reject(new Error(`QEMU ended with ${code} before it had a port`)),
  );
  const [port]: Socket[] = await Promise.race([once(server, 'connection', { signal }), refused]);
  // Later it ends because we end it.
  refused.catch(() => undefined);
  if (!port || child.pid === undefined) throw new Error('QEMU did not connect');
  // Ending the machine resets the connection.
  port.on('error', () => {});
  return {
    port,
    pid: child.pid,
    async end() {
      child.kill('SIGKILL');
      await ended;
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
