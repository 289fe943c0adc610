// `npm start`: from a clone to a zone that runs an OCI workload on five real processes, and back to nothing.
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { buildBusyboxImage } from '../test/images/busybox.ts';
import { logTail } from './stack/log-file.ts';
import { protectOutput } from './stack/protect-cli.ts';
import { projectRoot, type RunningStack, stackInUse, takeDown, takeUp } from './stack/stack.ts';
import { createSteps, type Steps } from './stack/steps.ts';

const busyboxLayout = join(projectRoot, 'zone/build/busybox');

/** What the workload shows of itself: none of it is the host's. */
const introduction = [
  'echo "kernel    $(uname -a)"',
  'echo "hostname  $(hostname)"',
  'echo "PID 1     $(tr "\\0" " " </proc/1/cmdline | head -c 20)…"',
  'echo "addresses"; ip addr',
].join('; ');

interface StartOptions {
  readonly stateDir: string;
  readonly keep: boolean;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { keep: { type: 'boolean' }, state: { type: 'string' } } });
  const options: StartOptions = {
    stateDir: values.state ?? join(projectRoot, '.protect'),
    keep: values.keep === true,
  };
  const interrupted = new AbortController();
  let exitSignal: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!exitSignal) console.error(`\n${signal}: taking everything down`);
      exitSignal ??= signal;
      interrupted.abort(new Error(`interrupted by ${signal}`));
    });
  }

  const inUse = stackInUse(options.stateDir);
  if (inUse) {
    const what = inUse.keep
      ? 'is kept running; end it with npm stop'
      : `is being run by process ${inUse.owner.pid}`;
    console.error(`protect: a stack on ${options.stateDir} ${what}`);
    return 1;
  }

  const steps = createSteps(console.log);
  let stack: RunningStack | undefined;
  let failed = true;
  let farewell: string | undefined;
  try {
    await steps.run('clear what an earlier run left', () => takeDown(options.stateDir));
    await prepareImages(steps, interrupted.signal);
    const { stateDir, keep } = options;
    const running = await steps.run('bus and five services', () =>
      takeUp({ stateDir, keep, signal: interrupted.signal }),
    );
    stack = running;
    farewell = await demonstrate(running, keep, steps, interrupted.signal);
    failed = false;
  } catch (error) {
    if (!exitSignal)
      console.error(`\nprotect: ${error instanceof Error ? error.message : error}\n${serviceLogs(stack)}`);
  } finally {
    if (failed || !options.keep) {
      const killed = await steps.run('end the services', () => takeDown(options.stateDir));
      if (killed.length > 0) {
        console.error(`protect: these did not end on SIGTERM and were killed: ${killed.join(', ')}`);
        failed = true;
      }
    }
  }
  if (!failed) console.log(`\n${steps.table()}`);
  if (!failed && farewell) console.log(`\n${farewell}`);
  return exitSignal ? 128 + constants.signals[exitSignal] : failed ? 1 : 0;
}

async function prepareImages(steps: Steps, signal: AbortSignal): Promise<void> {
  await steps.run('zone kernel and initial ramdisk', () => runScript('scripts/build.ts', signal));
  await steps.run('demonstration image', () => buildBusyboxImage(busyboxLayout));
}

/** Runs the zone and its workload; gives what to tell the user when they are kept. */
async function demonstrate(
  stack: RunningStack,
  keep: boolean,
  steps: Steps,
  signal: AbortSignal,
): Promise<string | undefined> {
  const protect = (args: readonly string[], show = false) =>
    protectOutput(stack.paths, args, { signal, show });

  const zone = (
    await steps.run('zone launch', () => protect(['zone', 'launch', '--name', 'demo', '--wait']))
  ).trim();
  console.log(`\nzone demo (${zone}) is ready; its workload says:\n`);
  const launch = ['workload', 'launch', '--zone', zone];
  const image = `oci:${busyboxLayout}`;
  await steps.run('workload launch and its output', () =>
    protect([...launch, '--name', 'hello', '--attach', image, 'sh', '-c', introduction], true),
  );
  if (keep) {
    const shell = await steps.run('second workload, which stays', () =>
      protect([...launch, '--name', 'shell', '--wait', image, 'sleep', '2147483647']),
    );
    return firstCommands(stack, zone, shell.trim());
  }
  await steps.run('zone destroy', () => protect(['zone', 'destroy', '--wait', zone]));
  return undefined;
}

async function runScript(path: string, signal: AbortSignal): Promise<void> {
  const result = await execa(process.execPath, [join(projectRoot, path)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    cancelSignal: signal,
    reject: false,
  });
  signal.throwIfAborted();
  if (result.failed) throw new Error(`${path} failed: ${result.shortMessage}`);
}

/** The logs of the services that have ended, or else the daemon's. */
function serviceLogs(stack: RunningStack | undefined): string {
  if (!stack) return '';
  const all = Object.values(stack.services);
  const ended = all.filter((service) => !service.alive());
  return (ended.length > 0 ? ended : [stack.services.daemon])
    .map(({ name, logPath }) => `End of ${name}'s log (${logPath}):\n${logTail(logPath, 20)}`)
    .join('\n');
}

function firstCommands(stack: RunningStack, zone: string, shell: string): string {
  return [
    'It goes on running. To talk to it:',
    '',
    `  export PROTECT_CONNECTION=unix://${stack.paths.daemonSocket}`,
    '  npx protect zone list',
    `  npx protect zone logs ${zone}`,
    '  npx protect workload list',
    '  npx protect workload logs hello',
    `  npx protect workload exec -t ${shell} sh`,
    '',
    'npm stop ends it.',
  ].join('\n');
}

process.exitCode = await main();
// A last line must not be cut off when standard output is a pipe.
if (process.stdout.writableLength > 0) await once(process.stdout, 'drain');
