import { constants } from 'node:os';
import { connectControl, socketPath } from './connection.ts';
import { run } from './run.ts';

/** How long a command may take to clean up after it was interrupted. */
const graceMs = 1_000;

const { stdin, stdout, stderr, env } = process;

// A reader that has seen enough, such as head, is no failure.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

const interrupted = new AbortController();
let signalled: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // A second one is impatient.
    if (signalled !== undefined) endBy(signal);
    signalled = signal;
    interrupted.abort();
    setTimeout(() => endBy(signal), graceMs).unref();
  });
}

const exitCode = await run(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  env,
  connection: (option) => {
    const path = socketPath(option, env.PROTECT_CONNECTION);
    return { path, open: (signal) => connectControl(path, signal) };
  },
  interrupted: interrupted.signal,
});
// Open input and an idle connection keep nobody waiting, but output must be out.
stdout.write('', () => {
  stderr.write('', () => {
    if (signalled !== undefined) endBy(signalled);
    process.exit(exitCode);
  });
});

/** Ends as the signal would have ended us: a shell that runs us in a loop then ends the loop too. */
function endBy(signal: NodeJS.Signals): never {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  process.exit(128 + constants.signals[signal]);
}
