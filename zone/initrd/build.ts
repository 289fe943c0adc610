import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { openLayout } from '../../packages/oci/src/layout.ts';
import { writeLayout } from '../../packages/oci/src/layout-writer.ts';
import { unpackZoneKernel } from '../../packages/oci/src/zone-kernel.ts';
import { run } from '../run.ts';
import { step } from '../step.ts';
import { bootModules, bootParameters, loadOrder, moduleName } from './boot-modules.ts';
import { encodeNewc, type NewcEntry } from './newc.ts';

/** The container runtime that the zone's init starts. */
export const crunPath = '/usr/bin/crun';

/** The files whose change makes the ramdisk stale, besides the programs and modules in it. */
export const initrdRecipe = [
  import.meta.filename,
  ...['boot-modules.ts', 'newc.ts'].map((file) => join(import.meta.dirname, file)),
  join(import.meta.dirname, '../../packages/oci/src/layout-writer.ts'),
];

/** Bound on the compressed ramdisk: every zone's start reads it. */
const maxInitrdBytes = 10 << 20;

const directories = ['dev', 'etc', 'lib64', 'modules', 'proc', 'run', 'sys', 'tmp', 'usr', 'usr/bin'];

const accounts = {
  passwd: 'root:x:0:0:root:/root:/bin/false\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n',
};

export interface InitrdInputs {
  /** The zone's PID 1, statically linked. */
  readonly init: string;
  /** What `sharedLibraries` gave for crun. */
  readonly libraries: readonly string[];
  /** Layout folder of the zone kernel. */
  readonly kernel: string;
}

/** Makes the zone's ramdisk image at `output`: init, crun with its libraries, and the modules needed at boot. */
export async function buildInitrd(output: string, cacheDir: string, inputs: InitrdInputs): Promise<void> {
  const modules = await step('initrd: take the boot modules from the kernel', () =>
    readBootModules(inputs.kernel, cacheDir),
  );
  const entries = await ramdiskEntries(inputs, modules);
  const packed = await step('initrd: compress', async () =>
    zstdCompressSync(encodeNewc(entries), { params: { [constants.ZSTD_c_compressionLevel]: 15 } }),
  );
  if (packed.length > maxInitrdBytes) {
    throw new Error(
      `the zone's ramdisk has ${packed.length} bytes compressed; at most ${maxInitrdBytes} are meant`,
    );
  }
  await step('initrd: write the image', () =>
    writeLayout(output, { layers: [[{ type: 'file', path: 'initrd', source: { bytes: packed } }]] }),
  );
}

interface BootModules {
  /** The files by their names in the ramdisk. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What init loads, in this order: names, each with its parameters if it has any; by hypervisor. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

/** The modules that any hypervisor's list has, out of the kernel image's addons. */
async function readBootModules(kernel: string, cacheDir: string): Promise<BootModules> {
  const signal = AbortSignal.timeout(120_000);
  const { addonsPath } = await unpackZoneKernel({
    image: openLayout(kernel),
    cacheDir: join(cacheDir, 'boot'),
    signal,
  });
  if (addonsPath === undefined)
    throw new Error(`${kernel} has no /kernel/addons.squashfs to take modules from`);
  const work = await mkdtemp(join(tmpdir(), 'protect-initrd-'));
  try {
    const unpack = async (name: string, paths: readonly string[]) => {
      const files = paths.map((path) => `modules/${path}`);
      await run('unsquashfs', [
        '-quiet',
        '-no-progress',
        '-force',
        '-dest',
        join(work, name),
        addonsPath,
        ...files,
      ]);
      return await Promise.all(files.map((file) => readFile(join(work, name, file))));
    };
    const [dep, builtin] = await unpack('lists', ['modules.dep', 'modules.builtin']);
    const orders = Object.entries(bootModules).map(
      ([hypervisor, names]) => [hypervisor, loadOrder(names, String(dep), String(builtin))] as const,
    );
    const paths = [...new Set(orders.flatMap(([, order]) => order))];
    const contents = await unpack('modules', paths);
    const fileName = (path: string) => `${moduleName(path)}.ko`;
    const line = (path: string) => [fileName(path), bootParameters[moduleName(path)] ?? []].flat().join(' ');
    return {
      files: new Map(paths.map((path, index) => [fileName(path), contents[index] ?? Buffer.alloc(0)])),
      lists: new Map(orders.map(([hypervisor, order]) => [hypervisor, order.map(line)])),
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function ramdiskEntries(inputs: InitrdInputs, modules: BootModules): Promise<NewcEntry[]> {
  const file = async (path: string, source: string, mode = 0o755): Promise<NewcEntry> => {
    return { type: 'file', path, mode, bytes: await readFile(source) };
  };
  const text = (path: string, content: string): NewcEntry => {
    return { type: 'file', path, mode: 0o644, bytes: Buffer.from(content) };
  };
  const libraryDirectories = inputs.libraries.flatMap((path) => parents(path.slice(1)));
  return [
    ...[...new Set([...directories, ...libraryDirectories])]
      .sort()
      .map((path) => ({ type: 'directory' as const, path })),
    { type: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { type: 'character-device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
    await file('init', inputs.init),
    await file('usr/bin/crun', crunPath),
    ...(await Promise.all(inputs.libraries.map((path) => file(path.slice(1), path)))),
    ...Object.entries(accounts).map(([name, content]) => text(`etc/${name}`, content)),
    ...[...modules.lists].map(([hypervisor, lines]) =>
      text(`modules/boot.${hypervisor}.list`, lines.map((line) => `${line}\n`).join('')),
    ),
    ...[...modules.files].map(([name, bytes]): NewcEntry => {
      return { type: 'file', path: `modules/${name}`, mode: 0o644, bytes };
    }),
  ];
}

function parents(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}
