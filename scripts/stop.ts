// `npm stop`: ends what `npm start -- --keep` left running, and what a killed run left behind.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { statePaths } from '@protect/service/paths';
import { runProtect } from './stack/protect-cli.ts';
import { projectRoot, takeDown } from './stack/stack.ts';
import { createSteps } from './stack/steps.ts';

const { values } = parseArgs({ options: { state: { type: 'string' } } });
const paths = statePaths(resolve(values.state ?? join(projectRoot, '.protect')));
const steps = createSteps(console.log);

if (existsSync(paths.daemonSocket)) {
  // In order as long as somebody answers; whatever does not end this way is ended below.
  await steps.run('destroy the zones', () =>
    runProtect(paths, ['zone', 'destroy', '--all', '--wait'], { timeoutMs: 20_000 }).catch(() => undefined),
  );
}
const killed = await steps.run('end the services', () => takeDown(paths.root));
if (killed.length > 0)
  console.error(`protect: these did not end on SIGTERM and were killed: ${killed.join(', ')}`);
console.log(steps.table());
