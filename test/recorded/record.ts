// Records the state that an earlier commit leaves, and the init of its zones, for `recorded-state.test.ts` to prove
// that this tree takes both over: `node test/recorded/record.ts COMMIT [--init]`. Root; takes minutes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const root = resolve(import.meta.dirname, '../..');
const [revision = '', ...flags] = process.argv.slice(2);
const run = (cwd: string, file: string, ...args: string[]) =>
  execFileSync(file, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();

const commit = run(root, 'git', 'rev-parse', `${revision}^{commit}`);
const tree = await mkdtemp(join(tmpdir(), 'protect-record-'));
try {
  // 1. The earlier tree, on this one's packages but for its own, and on this one's download of the kernel.
  const archive = join(tree, 'tree.tar');
  run(root, 'git', 'archive', `--output=${archive}`, commit);
  run(tree, 'tar', '-xf', archive);
  linkPackages();
  mkdirSync(join(tree, 'zone/build'), { recursive: true });
  run(tree, 'cp', '-r', join(root, 'zone/build/cache'), 'zone/build/');
  run(tree, process.execPath, 'zone/build.ts');
  // 2. Its services, as its own tests start them.
  const state = join(tree, 'recorded');
  mkdirSync(join(tree, 'test/recorded'), { recursive: true });
  writeFileSync(join(tree, 'test/recorded/within.ts'), readFileSync(join(import.meta.dirname, 'within.ts')));
  const about = run(tree, process.execPath, 'test/recorded/within.ts', state);
  // 3. What they left: databases, and the zones' files but for disks and sockets.
  const target = join(import.meta.dirname, commit.slice(0, 7));
  mkdirSync(target, { recursive: true });
  run(state, 'tar', '-czf', join(target, 'state.tar.gz'), '--owner=0', '--group=0', '--sort=name', '.');
  writeFileSync(join(target, 'about.json'), `${JSON.stringify({ commit, ...JSON.parse(about) }, null, 2)}\n`);
  if (flags.includes('--init')) {
    writeFileSync(
      join(target, 'init.gz'),
      gzipSync(readFileSync(join(tree, 'zone/init/build/init')), { level: 9 }),
    );
  }
} finally {
  await rm(tree, { recursive: true, force: true });
}

function linkPackages(): void {
  const modules = join(tree, 'node_modules');
  mkdirSync(join(modules, '@protect'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@protect' && !name.startsWith('.cache'))
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  for (const group of ['packages', 'services']) {
    for (const name of readdirSync(join(tree, group)))
      symlinkSync(join(tree, group, name), join(modules, '@protect', name));
  }
}
