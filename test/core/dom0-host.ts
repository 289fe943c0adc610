import { randomUUID } from 'node:crypto';
import { connectDom0 } from '../../scripts/xen/connection.ts';
import type { CoreHost } from './core-host.ts';
import { leftInDom0, snapshotDom0 } from './dom0-snapshot.ts';
import { followCommand } from './running-command.ts';

/** In emulation the command alone takes seconds, and a zone boots in a minute. */
const patienceMs = 300_000;

/** Starts a program so that it can be ended from another session: it leaves its process id in the file `$0`. */
const leavingItsId = ['sh', '-c', 'echo $$ >"$0"; exec "$@"'];
const endingThatId = ['sh', '-c', 'kill -KILL "$(cat "$0")"'];

/** The Dom0 that `npm run test:xen` has booted (PROTECT_DOM0 names its record), with all services running. */
export async function connectDom0Host(): Promise<CoreHost> {
  const recordPath = process.env.PROTECT_DOM0;
  if (!recordPath) throw new Error('PROTECT_DOM0 is not set; run these tests with npm run test:xen');
  const dom0 = connectDom0(recordPath);
  const execOnHost: CoreHost['execOnHost'] = async (argv) => ({
    command: argv.join(' '),
    ...(await dom0.exec(argv, { timeoutMs: patienceMs })),
  });
  const before = await snapshotDom0(dom0);
  return {
    driver: 'xen',
    image: 'oci:/opt/protect/zone/build/busybox',
    patienceMs,
    endedOutside: /xl destroy|destroyed|gone/,
    execOnHost,
    async protect(args, options = {}) {
      const argv = ['protect', ...args];
      return { command: argv.join(' '), ...(await dom0.exec(argv, { timeoutMs: patienceMs, ...options })) };
    },
    start(args) {
      const idFile = `/run/core-test-${randomUUID()}`;
      const child = dom0.spawn([...leavingItsId, idFile, 'protect', ...args]);
      const kill = async () => {
        await dom0.exec([...endingThatId, idFile]);
        child.kill('SIGKILL');
      };
      return followCommand(child, { command: `protect ${args.join(' ')}`, patienceMs, kill });
    },
    async killDaemon() {
      await dom0.output(['systemctl', 'kill', '--signal=SIGKILL', '--kill-whom=main', 'protect-daemon']);
      // Settles when the unit has seen the end.
      await dom0.output(['systemctl', 'stop', 'protect-daemon']);
    },
    async startDaemon() {
      await dom0.output(['systemctl', 'start', 'protect-daemon'], { timeoutMs: patienceMs });
    },
    async endMachine(domid) {
      await dom0.output(['xl', 'destroy', String(domid)]);
    },
    leftovers: () => leftInDom0(dom0, before),
    diagnose: () => dom0.diagnose(),
    async [Symbol.asyncDispose]() {
      // A test that failed halfway must not take memory from the next file's.
      const listed = await dom0.exec(['protect', 'zone', 'list', '--output', 'simple']);
      for (const line of listed.stdout.split('\n').filter((line) => line !== '')) {
        await dom0.exec(['protect', 'zone', 'destroy', '--wait', line.split('\t')[0] ?? '']);
      }
    },
  };
}
