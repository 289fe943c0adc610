import { connectControl, socketPath } from './connection.ts';
import { run } from './run.ts';

// A reader that has seen enough, such as head, is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

const exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  connection: (option) => {
    const path = socketPath(option, process.env.PROTECT_CONNECTION);
    return { path, open: () => connectControl(path).client };
  },
});
// Open input and an idle connection keep nobody waiting, but output must be out.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
