import { join } from 'node:path';
import { execa } from 'execa';
import { inputsKey } from '../../zone/stale.ts';
import { projectRoot } from '../stack/stack.ts';
import { cachedFolder } from './cache-folder.ts';
import { runtimeFiles, sourceFiles } from './runtime-files.ts';

/**
 * A SquashFS with this working tree as Dom0 needs it: sources, the zone's kernel and ramdisk, libraries and Node.
 * It is cached until one of them changes. Not compressed: unpacking in emulation takes longer than reading.
 */
export async function projectDisk(signal: AbortSignal): Promise<string> {
  const sources = await sourceFiles(projectRoot);
  const inputs = [...sources, 'package-lock.json'].map((path) => join(projectRoot, path));
  const key = await inputsKey(inputs);
  const path = join(projectRoot, '.cache/xen/project', key.slice(0, 16));
  const folder = await cachedFolder(path, async (work) => {
    const files = await runtimeFiles(projectRoot);
    const output = join(work, 'project.squashfs');
    const plain = ['-noI', '-noD', '-noF', '-noX', '-all-root', '-no-progress', '-quiet'];
    await execa('tar', ['--create', '--null', '--files-from=-'], {
      cwd: projectRoot,
      input: files.join('\0'),
      buffer: { stdout: false },
      cancelSignal: signal,
    }).pipe('mksquashfs', ['-', output, '-tar', ...plain], { cancelSignal: signal });
  });
  return join(folder, 'project.squashfs');
}
