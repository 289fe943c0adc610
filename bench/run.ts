// `npm run bench`: what is measured, against what, side by side in one run; written to bench/results.md.
import { join } from 'node:path';
import { execa } from 'execa';
import { projectRoot } from '../scripts/stack/stack.ts';
import { createSteps } from '../scripts/stack/steps.ts';
import { startStack } from '../test/system/stack.ts';
import { measureBoot } from './boot.ts';
import { measureControlPlane } from './control-plane.ts';
import { measureFootprint } from './footprint.ts';
import { measureIdm } from './idm.ts';
import { writeResults } from './results.ts';

async function main(): Promise<void> {
  const steps = createSteps(console.log);
  await steps.run('zone kernel and initial ramdisk', async () => {
    await execa(process.execPath, [join(projectRoot, 'zone/build.ts')], { stdio: 'inherit' });
  });
  await using stack = await steps.run('bus and five services', () => startStack());
  const measurements = [
    await steps.run('launch', () => measureBoot(stack)),
    await steps.run('IDM', () => measureIdm(stack)),
    await steps.run('footprint', () => measureFootprint(stack)),
    await steps.run('control plane', () => measureControlPlane()),
  ];
  console.log(`\n${await writeResults('results.md', 'npm run bench', measurements)}`);
}

await main();
