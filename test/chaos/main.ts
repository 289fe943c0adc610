// `npm run chaos [-- --seed N --faults N]`: random faults on a stack of its own; a seed repeats a run.
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { projectRoot } from '../../scripts/stack/stack.ts';
import { tellRecoveries } from './recoveries.ts';
import { runChaos } from './run-chaos.ts';

const defaultFaults = '200';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, faults: { type: 'string', default: defaultFaults } },
  });
  const seed = wholeNumber('--seed', values.seed ?? String(randomInt(2 ** 32)));
  const faults = wholeNumber('--faults', values.faults);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) console.log('ending after this step');
      stop.abort(new Error(`ended by ${signal}`));
    });
  }
  await execa(process.execPath, [join(projectRoot, 'scripts/build.ts')], { stdio: 'inherit' });
  console.log(`seed ${seed}, ${faults} faults`);
  const recoveries = await runChaos({ seed, faults, print: console.log, signal: stop.signal });
  console.log(tellRecoveries(recoveries));
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 2 ** 32) return value;
  throw new Error(`${option} is ${text}: give a whole number below 2³²`);
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
