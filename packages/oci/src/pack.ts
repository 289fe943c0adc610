import { createWriteStream } from 'node:fs';
import { chmod, chown, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ImageError } from './image-error.ts';
import type { PackedFormat } from './image-format.ts';
import type { DirectoryAttributes } from './image-tree.ts';
import { unprivilegedId } from './sandbox.ts';
import { runSandboxed } from './sandboxed-tool.ts';

/** Longest time that packing one image may take. */
const packTimeoutMs = 60 * 60_000;

/** More threads than this gain little and take address space from the sandbox's limit. */
const maxPackThreads = 4;

/** Name of the packed file within a cache entry. */
export function packedFileName(format: PackedFormat): string {
  return format === 'tar' ? 'image.tar' : 'image.squashfs';
}

/** Writes a merged tar stream as `format` into `directory` and gives its size in bytes; the file is on disk then. */
export async function pack(
  tar: AsyncIterable<Uint8Array>,
  root: DirectoryAttributes,
  format: PackedFormat,
  directory: string,
  signal: AbortSignal,
): Promise<number> {
  const path = join(directory, packedFileName(format));
  if (format === 'tar') await pipeline(Readable.from(tar), createWriteStream(path), { signal });
  else await packSquashfs(tar, root, path, directory, signal);
  await using file = await open(path, 'r');
  await file.sync();
  return (await stat(path)).size;
}

async function packSquashfs(
  tar: AsyncIterable<Uint8Array>,
  root: DirectoryAttributes,
  path: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const output = join(directory, 'packing');
  await mkdir(output, { mode: 0o700 });
  await chown(output, unprivilegedId, unprivilegedId);
  const threads = Math.min(maxPackThreads, availableParallelism());
  const compression = ['-comp', 'zstd', '-Xcompression-level', '3'];
  const limits = ['-processors', String(threads), '-mem', '512M'];
  const fixed = ['-mkfs-time', '0', '-root-time', '0', '-root-mode', root.mode.toString(8)];
  const quiet = ['-quiet', '-no-progress', '-exit-on-error'];
  // In tar mode the root directory belongs to whoever runs the tool, whatever -root-uid says.
  const owner = ['unshare', '--user', `--map-user=${root.uid}`, `--map-group=${root.gid}`, '--'];
  // sqfstar is this same program, but its argument parser takes no -Xcompression-level.
  const tool = ['mksquashfs', '-', '/out/image', '-tar', ...compression, ...fixed, ...limits, ...quiet];
  try {
    await runSandboxed([...owner, ...tool], { stdin: tar, output, signal, timeoutMs: packTimeoutMs });
    const packed = join(output, 'image');
    if (!(await stat(packed)).isFile()) throw new ImageError('broken', 'mksquashfs left no image');
    await chown(packed, 0, 0);
    await chmod(packed, 0o444);
    await rename(packed, path);
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}
