import { chmod, mkdir, mkdtemp, open, rm, statfs, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../../scripts/stack/run-command.ts';

/** A small file system of its own for a state folder. */
export interface StateDisk extends AsyncDisposable {
  /** Where the state folder is to be; it is not made here. */
  readonly state: string;
  /** Takes every free byte. */
  fill(): Promise<void>;
  /** Gives them back; nothing to give back is no error. */
  free(): Promise<void>;
}

const sizeMib = 640;
const marginBlocks = 1024;
const largestPieceBytes = 1024 * 1024;
/** Not smaller: file systems give space in blocks. */
const smallestPieceBytes = 1024;

/** Makes an ext4 on a loop file in the temporary folder, without blocks kept for root. */
export async function makeStateDisk(): Promise<StateDisk> {
  await using held = new AsyncDisposableStack();
  const folder = held.adopt(await mkdtemp(join(tmpdir(), 'protect-chaos-')), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  // The zones' hypervisors run under their own uids and must reach their folders.
  await chmod(folder, 0o711);
  const image = join(folder, 'image');
  const mount = join(folder, 'disk');
  await (await open(image, 'w')).close();
  await truncate(image, sizeMib * 1024 * 1024);
  await runCommand('mkfs.ext4', ['-q', '-m', '0', '-E', 'lazy_itable_init=1', image]);
  await mkdir(mount);
  // The loop device goes with the mount.
  await runCommand('mount', ['-o', 'loop', image, mount]);
  held.defer(async () => void (await runCommand('umount', [mount])));
  await chmod(mount, 0o711);
  const filler = join(mount, 'filler');
  const all = held.move();
  return {
    state: join(mount, 'state'),
    fill: () => fillUp(filler),
    free: () => rm(filler, { force: true }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function fillUp(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  // What services write meanwhile is not there any more, and the rest is found by writing.
  const bytes = Math.max(bavail - marginBlocks, 1) * bsize;
  await runCommand('fallocate', ['--length', String(bytes), path]);
  await using file = await open(path, 'a');
  const piece = Buffer.alloc(largestPieceBytes);
  for (let size = piece.length; size >= smallestPieceBytes; ) {
    try {
      await file.write(piece, 0, size);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      size /= 2;
    }
  }
  // Space is promised when written, and taken for good when on the disk.
  await file.sync();
}
