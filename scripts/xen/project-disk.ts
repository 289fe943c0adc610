import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { inputsKey } from '../../zone/stale.ts';
import { projectRoot } from '../stack/stack.ts';
import { cachedFolder } from './cache-folder.ts';
import { runtimeFiles, sourceFiles } from './runtime-files.ts';

/** Where the tree is in Dom0. */
const home = '/opt/protect';
const compiledCode = 'node_modules/.cache/node-compile';

/** The launchers; with these arguments they load everything and end. */
const launchers = [
  ...['daemon', 'storage', 'network', 'orchestrator', 'cri'].map((name) => [
    `services/${name}/bin/protect-${name}`,
    '--help',
  ]),
  ['packages/cli/bin/protect', '--version'],
  ['node_modules/node/bin/node', 'scripts/xen/prepare-nats-server.ts', '/tmp/state'],
] as const;

/**
 * A SquashFS with this working tree as Dom0 needs it: sources, what Node makes of them, the zone's kernel and ramdisk,
 * libraries and Node itself. It is cached until one of them changes. Not compressed: unpacking in emulation takes
 * longer than reading.
 */
export async function projectDisk(signal: AbortSignal): Promise<string> {
  const sources = await sourceFiles(projectRoot);
  const inputs = [...sources, 'package-lock.json'].map((path) => join(projectRoot, path));
  const key = await inputsKey(inputs);
  const path = join(projectRoot, '.cache/xen/project', key.slice(0, 16));
  const folder = await cachedFolder(path, async (work) => {
    await compileForDom0(signal);
    const files = [...(await runtimeFiles(projectRoot)), compiledCode];
    const output = join(work, 'project.squashfs');
    const plain = ['-noI', '-noD', '-noF', '-noX', '-all-root', '-no-progress', '-quiet'];
    const tar = asInDom0('tar', ['--create', '--null', '--files-from=-']);
    await execa('bwrap', tar, {
      input: files.join('\0'),
      buffer: { stdout: false },
      cancelSignal: signal,
    }).pipe('mksquashfs', ['-', output, '-tar', ...plain], { cancelSignal: signal });
  });
  return join(folder, 'project.squashfs');
}

const compiledStore = join(projectRoot, '.cache/xen/compiled');

/**
 * Has Node keep its compiled form of all sources as it would in Dom0, where stripping types and compiling take
 * minutes. On another kind of processor Node ignores it.
 */
async function compileForDom0(signal: AbortSignal): Promise<void> {
  await mkdir(join(projectRoot, compiledCode), { recursive: true });
  await mkdir(compiledStore, { recursive: true });
  for (const [file, ...args] of launchers) {
    // What they print, and how they end, is that of a wrong call.
    await execa('bwrap', asInDom0(`${home}/${file}`, args), {
      reject: false,
      timeout: 120_000,
      cancelSignal: signal,
      env: {
        NODE_COMPILE_CACHE: `${home}/${compiledCode}`,
        NODE_OPTIONS: `--import=${home}/scripts/xen/compile-sources.ts`,
      },
    });
  }
}

/** Arguments of bwrap that run a program of ours where it finds this tree at Dom0's path. */
function asInDom0(file: string, args: readonly string[]): readonly string[] {
  const tree = ['--tmpfs', '/opt', '--ro-bind', projectRoot, home];
  const compiled = ['--bind', compiledStore, `${home}/${compiledCode}`];
  const place = ['--dev-bind', '/', '/', '--tmpfs', '/tmp', ...tree, ...compiled, '--chdir', home];
  return [...place, '--die-with-parent', '--', file, ...args];
}
