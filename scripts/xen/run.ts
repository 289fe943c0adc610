// `npm run xen`: a Debian on a real Xen, in emulation, with this working tree and its services in it, and a shell
// there. With arguments: that command instead of the shell. While one runs, further calls use it as well.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSteps } from '../stack/steps.ts';
import { buildArtefacts } from './artefacts.ts';
import { type Dom0Connection, sshArguments } from './connection.ts';
import { bootDom0 } from './dom0.ts';
import { type Interruption, onInterruption } from './interruption.ts';
import { announceDom0, runningDom0 } from './running.ts';
import { startServices } from './services.ts';

const welcome = `
This is root's shell in Dom0. Leaving it powers Dom0 off; all of it is forgotten then.

  protect zone launch --wait --name demo             a zone, which is a domain of Xen
  protect workload launch --zone demo --attach oci:/opt/protect/zone/build/busybox uname -a
  xl list; xl dmesg; xenstore-ls                     what Xen knows
  journalctl -u protect-daemon -f                    logs of a service
  systemctl restart protect-daemon                   also nats-server, protect-storage, … -network, … -orchestrator, … -cri

From outside: node scripts/xen/push.ts brings an edited tree into /opt/protect; npm run xen -- COMMAND runs one there.
`;

async function main(argv: readonly string[], interruption: Interruption): Promise<number> {
  const running = runningDom0();
  if (running) return foreground(running, argv);
  const { signal } = interruption;
  const steps = createSteps(console.error);
  await buildArtefacts(steps, signal);
  await using dom0 = await bootDom0({ steps, signal });
  await using _announced = await announceDom0(dom0);
  await steps
    .run('bus and five services', () => startServices(dom0, signal))
    .catch((error: unknown) => {
      signal.throwIfAborted();
      // The way to find out why is the shell.
      console.error(`protect: ${error instanceof Error ? error.message : error}`);
    });
  console.error(`${steps.table()}\n${argv.length === 0 ? welcome : ''}`);
  return await foreground(dom0, argv, signal);
}

/** Runs a command, or a shell, with our own standard streams; gives its exit code. */
async function foreground(
  dom0: Dom0Connection,
  argv: readonly string[],
  signal?: AbortSignal,
): Promise<number> {
  const tty = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const child = spawn('ssh', sshArguments(dom0.record, argv, tty), { stdio: 'inherit' });
  signal?.addEventListener('abort', () => child.kill(), { once: true });
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}

const interruption = onInterruption();
try {
  process.exitCode = await main(process.argv.slice(2), interruption);
} catch (error) {
  if (interruption.exitCode() === undefined)
    console.error(`protect: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
process.exitCode = interruption.exitCode() ?? process.exitCode;
