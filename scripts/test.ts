// `npm test`: unit, integration, core and system tests, on zone artefacts that are made first when stale.
// Arguments go to Vitest; `--project long` and `--project chaos` run the suites that take minutes.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.slice(2);
const projects = given.some((argument) => argument.startsWith('--project'))
  ? []
  : ['unit', 'integration', 'core', 'system'].flatMap((name) => ['--project', name]);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

const built = await run(join(root, 'scripts/build.ts'));
process.exitCode =
  built === 0 ? await run(join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...projects, ...given) : built;

function run(script: string, ...args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal ? 128 + constants.signals[signal] : 1)));
  });
}
