// `npm stop`: ends what `npm start -- --keep` left running, and what a killed run left behind.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { statePaths } from '@protect/config/paths';
import { z } from 'zod';
import { protectOutput, runProtect } from './stack/protect-cli.ts';
import { projectRoot, takeDown } from './stack/stack.ts';
import { createSteps } from './stack/steps.ts';

/** For an answer of the daemon, which may be no longer able to give one. */
const timeoutMs = 20_000;

const { values } = parseArgs({ options: { state: { type: 'string' } } });
const paths = statePaths(resolve(values.state ?? join(projectRoot, '.protect')));
const steps = createSteps(console.log);

if (existsSync(paths.daemonSocket)) {
  // In order as long as somebody answers; whatever does not end this way is ended below.
  await steps.run('destroy the zones', () => destroyZones().catch(() => undefined));
}
const killed = await steps.run('end the services', () => takeDown(paths.root));
if (killed.length > 0)
  console.error(`protect: these did not end on SIGTERM and were killed: ${killed.join(', ')}`);
console.log(steps.table());

async function destroyZones(): Promise<void> {
  const listed = await protectOutput(paths, ['zone', 'list', '-o', 'json'], { timeoutMs });
  const zones = z.array(z.object({ id: z.string() })).parse(JSON.parse(listed));
  await Promise.all(
    zones.map(({ id }) => runProtect(paths, ['zone', 'destroy', '--wait', id], { timeoutMs })),
  );
}
