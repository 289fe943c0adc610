// `node scripts/xen/push.ts`: brings the sources and boot files of this working tree into the Dom0 that
// `npm run xen` runs. Services keep what they have loaded until they are restarted.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { projectRoot } from '../stack/stack.ts';
import { runningDom0 } from './running.ts';
import { sourceFiles } from './runtime-files.ts';

/** Whole folders are replaced, so that a removed file is gone there too. */
const unpack =
  'cd /opt/protect && rm -rf packages services scripts zone/build && exec tar --extract --no-same-owner';

const dom0 = runningDom0();
if (dom0) {
  const files = await sourceFiles(projectRoot);
  const packer = spawn('tar', ['--create', '--null', '--files-from=-'], { cwd: projectRoot });
  const unpacker = dom0.spawn(['sh', '-c', unpack]);
  unpacker.stderr.pipe(process.stderr);
  packer.stderr.pipe(process.stderr);
  packer.stdin.end(files.join('\0'));
  const ends = Promise.all([once(packer, 'exit'), once(unpacker, 'exit')]);
  await pipeline(packer.stdout, unpacker.stdin);
  const failed = (await ends).some(([code]) => code !== 0);
  console.log(failed ? 'not all was brought over' : `${files.length} files brought into Dom0's /opt/protect`);
  process.exitCode = failed ? 1 : 0;
} else {
  console.error('protect: no Dom0 of this working tree runs; start one with npm run xen');
  process.exitCode = 1;
}
