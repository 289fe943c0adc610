import { join } from 'node:path';
import { execa } from 'execa';
import { buildBusyboxImage } from '../../test/images/busybox.ts';
import { projectRoot } from '../stack/stack.ts';
import type { Steps } from '../stack/steps.ts';

/** Builds what the project disk carries besides sources, where it is stale: the zone's boot files, a test image. */
export async function buildArtefacts(steps: Steps, signal: AbortSignal): Promise<void> {
  await steps.run('zone kernel and initial ramdisk', async () => {
    const script = join(projectRoot, 'zone/build.ts');
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    await execa(process.execPath, [script], { stdio, cancelSignal: signal });
  });
  await steps.run('test image', () => buildBusyboxImage(join(projectRoot, 'zone/build/busybox')));
}
