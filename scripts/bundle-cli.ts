import { mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'packages/cli');

/** The bundle that the launcher prefers. */
const cliBundle = join(cli, 'build/protect.js');

/**
 * Puts the `protect` command into one file: Node then reads and caches one module instead of hundreds. What
 * only some commands use still runs no earlier than they do. Beside it lies a list of what it was made from,
 * by which the launcher tells whether it is older than its sources.
 */
export async function bundleCli(file: string = cliBundle): Promise<void> {
  const began = new Date();
  const fresh = `${file}.${process.pid}.new`;
  const { output } = await build({
    cwd: root,
    input: join(cli, 'src/main.ts'),
    platform: 'node',
    logLevel: 'warn',
    output: {
      file: fresh,
      format: 'esm',
      codeSplitting: false,
      // Names stay, for libraries that look at them.
      minify: { compress: true, mangle: false, codegen: true },
    },
  });
  const modules = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(join(dirname(file), 'inputs'), `${inputsOf(modules).join(' ')}\n`);
  // What changes while this runs has to be newer than the bundle.
  await utimes(fresh, began, began);
  await rename(fresh, file);
}

/** Source folders of our own packages, and what decides which libraries there are. */
function inputsOf(modules: readonly string[]): string[] {
  const own = modules.map((id) => relative(root, id)).filter((path) => /^packages\/[^/]+\/src\//.test(path));
  const folders = own.map((path) => path.split(sep).slice(0, 3).join(sep));
  return [...new Set([...folders, 'packages/cli/package.json', 'package-lock.json'])].sort();
}
