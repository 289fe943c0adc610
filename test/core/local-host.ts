import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { logTail } from '../../scripts/stack/log-file.ts';
import { identifyProcess, killProcess } from '../../scripts/stack/process-id.ts';
import { protectCommand, runProtect } from '../../scripts/stack/protect-cli.ts';
import { leftBehindBy, snapshotHost } from '../system/host-snapshot.ts';
import { busyboxImage } from '../system/images.ts';
import { startStack } from '../system/stack.ts';
import type { CoreHost } from './core-host.ts';
import { followCommand } from './running-command.ts';

const patienceMs = 60_000;

/** Five services on this machine, with QEMU. */
export async function startLocalHost(): Promise<CoreHost> {
  const image = await busyboxImage();
  const stack = await startStack();
  const before = await snapshotHost(stack.state, stack.netns);
  return {
    driver: 'qemu',
    image,
    patienceMs,
    endedOutside: /SIGKILL/,
    async protect(args, options = {}) {
      const result = await runProtect(stack.paths, args, { timeoutMs: patienceMs, ...options });
      return { command: `protect ${args.join(' ')}`, ...result };
    },
    start(args) {
      const child = spawn(...protectCommand(stack.paths, args), { stdio: 'pipe' });
      const kill = () => void child.kill('SIGKILL');
      return followCommand(child, { command: `protect ${args.join(' ')}`, patienceMs, kill });
    },
    async execOnHost([file = '', ...args]) {
      const result = await execa(file, args, {
        reject: false,
        timeout: patienceMs,
        stripFinalNewline: false,
      });
      const { exitCode = 255, stdout, stderr } = result;
      return { command: [file, ...args].join(' '), exitCode, stdout, stderr };
    },
    killDaemon: () => stack.services.daemon.kill9(),
    startDaemon: () => stack.services.daemon.restart(),
    async endMachine(domid) {
      const machine = identifyProcess(domid);
      // The number comes from the daemon, and may be anybody's process when it errs.
      if (!machine || !readFileSync(`/proc/${domid}/cmdline`, 'latin1').includes(stack.paths.root)) {
        throw new Error(`process ${domid} is no QEMU of the stack on ${stack.paths.root}`);
      }
      await killProcess(machine);
    },
    leftovers: () => leftBehindBy(stack, before),
    async diagnose() {
      const tails = Object.values(stack.services).map(
        ({ name, logPath }) => `== ${name}\n${logTail(logPath, 15)}`,
      );
      return tails.join('\n');
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}
