import { join } from 'node:path';
import { execa } from 'execa';
import { projectRoot } from '../../scripts/stack/stack.ts';

const layout = join(projectRoot, 'zone/build/busybox');

/** A reference to the busybox image, made when it is not there yet. */
export async function busyboxImage(): Promise<string> {
  await execa(process.execPath, [join(projectRoot, 'test/images/busybox.ts'), layout], { timeout: 60_000 });
  return `oci:${layout}`;
}
