import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildInitrd, crunPath, initrdRecipe } from './initrd/build.ts';
import { sharedLibraries } from './initrd/shared-libraries.ts';
import { buildKernel, kernelRecipe } from './kernel/build.ts';
import { run } from './run.ts';
import { inputsKey, isFresh, markFresh } from './stale.ts';
import { step } from './step.ts';

const root = import.meta.dirname;
const output = join(root, 'build');
const cacheDir = join(output, 'cache');
const kernel = join(output, 'kernel');
const initrd = join(output, 'initrd');
const init = join(root, 'init', 'build', 'init');

await mkdir(cacheDir, { recursive: true });
await buildKernelIfStale();
await step('init: make', () => run('make', ['-s', '-C', join(root, 'init')]));
await buildInitrdIfStale();

async function buildKernelIfStale(): Promise<void> {
  const key = await inputsKey(kernelRecipe);
  if (await isFresh(kernel, key)) return;
  await buildKernel(kernel, cacheDir);
  await markFresh(kernel, key);
}

async function buildInitrdIfStale(): Promise<void> {
  const libraries = await sharedLibraries(crunPath);
  const inputs = [...initrdRecipe, init, crunPath, ...libraries, join(kernel, 'index.json')];
  const key = await inputsKey(inputs);
  if (await isFresh(initrd, key)) return;
  await buildInitrd(initrd, cacheDir, { init, libraries, kernel });
  await markFresh(initrd, key);
}
