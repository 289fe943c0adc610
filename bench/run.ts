// `npm run bench`: what is measured, against what, side by side in one run; written to bench/results.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectRoot } from '../scripts/stack/stack.ts';
import { createSteps } from '../scripts/stack/steps.ts';
import { startStack } from '../test/system/stack.ts';
import { measureBoot } from './boot.ts';
import { measureFootprint } from './footprint.ts';
import { measureIdm } from './idm.ts';
import { type Measurement, mebibytes } from './measurement.ts';

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
  ];
  const path = join(projectRoot, 'bench/results.md');
  writeFileSync(path, await render(measurements));
  // Tables with even columns, as everywhere in the tree.
  await execa('biome', ['format', '--write', path], { cwd: projectRoot, preferLocal: true });
  console.log(`\n${readFileSync(path, 'utf8')}`);
}

async function render(measurements: readonly Measurement[]): Promise<string> {
  const { stdout: revision } = await execa('git', ['describe', '--always', '--dirty'], {
    cwd: projectRoot,
    reject: false,
  });
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${mebibytes(totalmem())}`;
  const sections = measurements.map(({ title, how, figures }) =>
    [
      `## ${title}`,
      '',
      how,
      '',
      '| what | measured | aim |',
      '| --- | ---: | --- |',
      ...figures.map(({ what, value, aim }) => `| ${what} | ${value} | ${aim} |`),
    ].join('\n'),
  );
  const intro = `Written by \`npm run bench\`, revision ${revision || 'unknown'}, on ${machine}. Ratios are of one run and carry over to other machines; the rest does not.`;
  return `# Measured\n\n${intro}\n\n${sections.join('\n\n')}\n`;
}

await main();
