import { join } from 'node:path';
import { projectRoot } from '../../scripts/stack/stack.ts';
import { buildBusyboxImage } from '../images/busybox.ts';

/** A reference to the busybox image, made anew: the same program gives the same image. */
export async function busyboxImage(): Promise<string> {
  const layout = join(projectRoot, 'zone/build/busybox');
  await buildBusyboxImage(layout);
  return `oci:${layout}`;
}
