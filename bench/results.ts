import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectRoot } from '../scripts/stack/stack.ts';
import { type Measurement, mebibytes } from './measurement.ts';

/** Writes what `command` has measured to a file of this folder, and gives its text. */
export async function writeResults(
  file: string,
  command: string,
  measurements: readonly Measurement[],
): Promise<string> {
  const path = join(import.meta.dirname, file);
  await writeFile(path, await render(command, measurements));
  // Tables with even columns, as everywhere in the tree.
  await execa('biome', ['format', '--write', path], { cwd: projectRoot, preferLocal: true });
  return await readFile(path, 'utf8');
}

async function render(command: string, measurements: readonly Measurement[]): Promise<string> {
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
  const intro = `Written by \`${command}\`, revision ${revision || 'unknown'}, on ${machine}. Ratios are of one run and carry over to other machines; the rest does not.`;
  return `# Measured\n\n${intro}\n\n${sections.join('\n\n')}\n`;
}
