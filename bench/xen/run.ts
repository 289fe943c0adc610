// `npm run bench:xen`: zones under a real Xen against bare domains, in a Dom0 of their own; written to
// bench/results-xen.md.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { z } from 'zod';
import { openLayout } from '../../packages/oci/src/layout.ts';
import { unpackZoneInitrd } from '../../packages/oci/src/zone-kernel.ts';
import { projectRoot } from '../../scripts/stack/stack.ts';
import { createSteps, type Steps } from '../../scripts/stack/steps.ts';
import { buildArtefacts } from '../../scripts/xen/artefacts.ts';
import { bootDom0, type Dom0 } from '../../scripts/xen/dom0.ts';
import { onInterruption } from '../../scripts/xen/interruption.ts';
import { startServices } from '../../scripts/xen/services.ts';
import { encodeNewc } from '../../zone/initrd/newc.ts';
import { measurementSchema } from '../measurement.ts';
import { writeResults } from '../results.ts';

const xenLibraries = [
  'xenvchan',
  'xenstore',
  'xengnttab',
  'xenevtchn',
  'xentoollog',
  'xentoolcore',
  'xencall',
];
const measureMs = 1_200_000;
const installed = '/opt/protect';

async function main(signal: AbortSignal): Promise<void> {
  const steps = createSteps(console.log);
  await buildArtefacts(steps, signal);
  await using dom0 = await bootDom0({ steps, signal });
  await steps.run('bus and five services', () => startServices(dom0, signal));
  const measurements = await measure(dom0, steps, signal);
  console.log(`\n${await writeResults('results-xen.md', 'npm run bench:xen', measurements)}`);
}

async function measure(dom0: Dom0, steps: Steps, signal: AbortSignal) {
  const folder = await mkdtemp(join(tmpdir(), 'protect-bench-'));
  try {
    await writeFile(join(folder, 'echo-initrd'), await buildEchoRamdisk(folder, signal));
    await steps.run('bring the bench in', () => bringIn(dom0, folder, signal));
    const script = join(installed, 'bench/xen/in-dom0.ts');
    const node = join(installed, 'node_modules/node/bin/node');
    const run = () => dom0.output([node, script, '/tmp/echo-initrd'], { timeoutMs: measureMs, signal });
    const printed = await steps.run('launches and IDM', run);
    return z.array(measurementSchema).parse(JSON.parse(printed));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The zone's ramdisk with another /init: the kernel unpacks archives in turn, the later file wins. */
async function buildEchoRamdisk(folder: string, signal: AbortSignal): Promise<Buffer> {
  const program = join(folder, 'init');
  const source = join(import.meta.dirname, 'echo-init.c');
  const libraries = xenLibraries.map((name) => `-l${name}`);
  await promisify(execFile)('gcc', ['-O2', '-static', '-Wall', '-o', program, source, ...libraries]);
  const { initrdPath } = await unpackZoneInitrd({
    image: openLayout(join(projectRoot, 'zone/build/initrd')),
    cacheDir: join(folder, 'cache'),
    signal,
  });
  const original = await readFile(initrdPath);
  const padding = Buffer.alloc((4 - (original.length % 4)) % 4);
  const override = encodeNewc([{ type: 'file', path: 'init', mode: 0o755, bytes: await readFile(program) }]);
  return Buffer.concat([original, padding, override]);
}

async function bringIn(dom0: Dom0, folder: string, signal: AbortSignal): Promise<void> {
  const pack = ['--create', '--directory', projectRoot, 'bench', 'test/system/guests.ts'];
  const { stdout } = await execa('tar', pack, { encoding: 'buffer', cancelSignal: signal });
  await dom0.output(['tar', '--extract', '--directory', installed], { input: stdout, signal });
  const ramdisk = await readFile(join(folder, 'echo-initrd'));
  await dom0.output(['dd', 'of=/tmp/echo-initrd', 'status=none'], { input: ramdisk, signal });
}

const interruption = onInterruption();
await main(interruption.signal);
process.exitCode = interruption.exitCode() ?? 0;
