import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { runTool } from '@protect/service/run-tool';

const losetupTimeoutMs = 10_000;

/** Milliseconds for the kernel to close a file after the last user of its loop device. */
const releaseDeadlineMs = 10_000;
const releasePollMs = 10;

/** What the kernel adds to the path of a file that has been removed meanwhile. */
const removedSuffix = ' (deleted)';

/** A loop device in use. */
export interface LoopDevice {
  /** /dev/loopN. */
  readonly device: string;
  /** Its file, free of symbolic links. */
  readonly file: string;
}

/** The loop devices whose files are in `folder`. */
export async function loopsIn(folder: string): Promise<LoopDevice[]> {
  const real = await realpath(folder).catch(() => folder);
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const found = await Promise.all(
    names.map(async (name): Promise<LoopDevice[]> => {
      const file = await backingFile(name);
      return file?.startsWith(`${real}/`) ? [{ device: `/dev/${name}`, file }] : [];
    }),
  );
  return found.flat();
}

/** Gives a file a loop device; one that it has already serves again. */
export async function attachLoop(losetup: string, path: string, readOnly: boolean): Promise<string> {
  const file = await realpath(path);
  const known = (await loopsIn(join(file, '..'))).find((loop) => loop.file === file);
  if (known !== undefined) return known.device;
  const args = ['--find', '--show', ...(readOnly ? ['--read-only'] : []), '--', file];
  const { stdout } = await runTool(losetup, args, { timeoutMs: losetupTimeoutMs });
  return stdout.trim();
}

/** Frees loop devices and settles when the kernel has closed their files. */
export async function freeLoops(losetup: string, loops: readonly LoopDevice[]): Promise<void> {
  await Promise.all(loops.map((loop) => freeLoop(losetup, loop)));
}

async function freeLoop(losetup: string, loop: LoopDevice): Promise<void> {
  const deadline = performance.now() + releaseDeadlineMs;
  await runTool(losetup, ['--detach', loop.device], { timeoutMs: losetupTimeoutMs }).catch(
    (error: unknown) => {
      // Freed in the meantime by somebody else.
      if (!/no such device/i.test(String(error))) throw error;
    },
  );
  // A device that is still open is freed when it is closed, of which the kernel gives no event.
  while ((await backingFile(loop.device.slice('/dev/'.length))) === loop.file) {
    if (performance.now() > deadline) {
      const text = `${loop.device} still holds ${loop.file} ${releaseDeadlineMs} ms after its disk was detached`;
      throw new ConnectError(text, Code.DeadlineExceeded);
    }
    await delay(releasePollMs);
  }
}

/** The file of a loop device; undefined for a free one. */
async function backingFile(name: string): Promise<string | undefined> {
  try {
    const text = (await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8')).replace(/\n$/, '');
    return text.endsWith(removedSuffix) ? text.slice(0, -removedSuffix.length) : text;
  } catch {
    return undefined;
  }
}
