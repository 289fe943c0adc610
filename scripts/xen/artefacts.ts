import { join } from 'node:path';
import { execa } from 'execa';
import { buildBusyboxImage } from '../../test/images/busybox.ts';
import { projectRoot } from '../stack/stack.ts';
import type { Steps } from '../stack/steps.ts';

/** Builds, where it is stale, what Dom0 needs besides sources: the zone's boot files, the command, a test image. */
export async function buildArtefacts(steps: Steps, signal: AbortSignal): Promise<void> {
  await steps.run('zone kernel and ramdisk, command', async () => {
    const script = join(projectRoot, 'scripts/build.ts');
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    await execa(process.execPath, [script], { stdio, cancelSignal: signal });
  });
  await steps.run('test image', () => buildBusyboxImage(join(projectRoot, 'zone/build/busybox')));
}
