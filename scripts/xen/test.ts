// `npm run test:xen`: the behaviour tests (Vitest's project `core`) against the services in a Dom0 of their own.
// Arguments go to Vitest.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../stack/stack.ts';
import { createSteps } from '../stack/steps.ts';
import { buildArtefacts } from './artefacts.ts';
import { bootDom0, type Dom0 } from './dom0.ts';
import { onInterruption } from './interruption.ts';
import { startServices } from './services.ts';

async function main(vitestArguments: readonly string[], signal: AbortSignal): Promise<number> {
  const steps = createSteps(console.log);
  await buildArtefacts(steps, signal);
  await using dom0 = await bootDom0({ steps, signal });
  try {
    await steps.run('bus and five services', () => startServices(dom0, signal));
    console.log(steps.table());
    const exitCode = await runVitest(dom0, vitestArguments, signal);
    if (exitCode !== 0 && !signal.aborted) console.error(`\n${await dom0.diagnose()}`);
    return exitCode;
  } catch (error) {
    if (!signal.aborted) console.error(`\n${await dom0.diagnose()}`);
    throw error;
  }
}

async function runVitest(dom0: Dom0, given: readonly string[], signal: AbortSignal): Promise<number> {
  const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'core', ...given], {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, PROTECT_CORE_HOST: 'xen', PROTECT_DOM0: dom0.recordPath },
  });
  // Without its host no test can go on.
  const stop = () => child.kill('SIGTERM');
  const both = AbortSignal.any([signal, dom0.ended]);
  both.addEventListener('abort', stop, { once: true });
  const [code, by]: (number | NodeJS.Signals | null)[] = await once(child, 'exit');
  both.removeEventListener('abort', stop);
  if (typeof code === 'number') return code;
  return typeof by === 'string' ? 128 + constants.signals[by] : 1;
}

const interruption = onInterruption();
try {
  process.exitCode = await main(process.argv.slice(2), interruption.signal);
} catch (error) {
  if (interruption.exitCode() === undefined)
    console.error(`protect: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
process.exitCode = interruption.exitCode() ?? process.exitCode;
