import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newZoneId, type ZoneId } from '@protect/config/ids';
import { type StatePaths, statePaths } from '@protect/config/paths';
import { z } from 'zod';
import type { DomainDisk, DomainSpec } from '../hypervisor.ts';

const run = promisify(execFile);
const repository = new URL('../../../../../', import.meta.url).pathname;
const indexSchema = z.looseObject({ manifests: z.array(z.looseObject({ digest: z.string() })).min(1) });
const manifestSchema = z.looseObject({ layers: z.array(z.looseObject({ digest: z.string() })).min(1) });

/** Uids of test zones, away from those of real ones. */
let nextUid = 290_000 + (process.pid % 5_000);

interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly content: Buffer;
}

function newcEntry({ name, mode, content }: Entry, inode: number): Buffer {
  const numbers = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`;
  const pad = (buffer: Buffer) => Buffer.concat([buffer, Buffer.alloc((4 - (buffer.length % 4)) % 4)]);
  return Buffer.concat([pad(Buffer.from(`${header}${name}\0`)), pad(content)]);
}

/** A ramdisk with busybox whose PID 1 runs `script`. */
export async function buildTestInitrd(path: string, script: string): Promise<void> {
  const entries: Entry[] = [
    ...['bin', 'dev', 'proc', 'sys'].map((name) => ({ name, mode: 0o40755, content: Buffer.alloc(0) })),
    { name: 'bin/busybox', mode: 0o100755, content: await readFile('/bin/busybox') },
    { name: 'init', mode: 0o100755, content: Buffer.from(`#!/bin/busybox sh\n${script}\n`) },
    { name: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) },
  ];
  await writeFile(path, Buffer.concat(entries.map((entry, index) => newcEntry(entry, index + 1))));
}

async function readArtefact(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(`${path} is missing; run "node zone/build.ts"`, { cause: error });
  });
}

/** Takes `file` out of an OCI layout that `node zone/build.ts` made. */
async function extract(artefact: 'kernel' | 'initrd', file: string, folder: string): Promise<string> {
  const layout = join(repository, 'zone/build', artefact);
  const blob = (digest: string) => join(layout, 'blobs/sha256', digest.replace('sha256:', ''));
  const index = indexSchema.parse(JSON.parse(await readArtefact(join(layout, 'index.json'))));
  const manifest = manifestSchema.parse(
    JSON.parse(await readArtefact(blob(index.manifests[0]?.digest ?? ''))),
  );
  await run('tar', ['-xf', blob(manifest.layers[0]?.digest ?? ''), '-C', folder, file]);
  return join(folder, file);
}

/** A state folder, a kernel and small ramdisks for tests of the driver. */
export interface BootFixture extends AsyncDisposable {
  readonly folder: string;
  readonly paths: StatePaths;
  /** A specification for a new zone whose PID 1 runs `script`. */
  spec(script: string, changes?: Partial<DomainSpec>): Promise<DomainSpec>;
  /** A specification for a new zone with the real init. */
  zoneSpec(changes?: Partial<DomainSpec>): Promise<DomainSpec>;
  /** A small disk file in the zone's own folder. */
  disk(zoneId: ZoneId, uid: number, serial: string, changes?: Partial<DomainDisk>): Promise<DomainDisk>;
}

export async function createBootFixture(): Promise<BootFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'protect-qemu-'));
  await chmod(folder, 0o711);
  const paths = statePaths(join(folder, 'state'));
  const kernelPath = await extract('kernel', 'kernel/image', folder);
  await mkdir(paths.zones, { recursive: true, mode: 0o711 });
  const initrds = new Map<string, string>();
  function specification(initrdPath: string, changes: Partial<DomainSpec>): DomainSpec {
    return {
      zoneId: newZoneId(),
      virtualization: 'automatic',
      uid: nextUid++,
      kernelPath,
      initrdPath,
      kernelCmdline: '',
      verboseConsole: true,
      memoryMib: 128,
      maxMemoryMib: 128,
      cpus: 1,
      maxCpus: 1,
      disks: [],
      links: [],
      ...changes,
    };
  }
  return {
    folder,
    paths,
    async spec(script, changes = {}) {
      let initrdPath = initrds.get(script);
      if (initrdPath === undefined) {
        initrdPath = join(folder, `initrd-${initrds.size}`);
        initrds.set(script, initrdPath);
        await buildTestInitrd(initrdPath, script);
      }
      return specification(initrdPath, changes);
    },
    async zoneSpec(changes = {}) {
      const initrdPath = await extract('initrd', 'initrd', folder);
      return specification(initrdPath, { verboseConsole: false, cpus: 2, maxCpus: 2, ...changes });
    },
    async disk(zoneId, uid, serial, changes = {}) {
      const disks = paths.zoneDisks(zoneId);
      await mkdir(disks, { recursive: true, mode: 0o700 });
      await chmod(paths.zone(zoneId), 0o711);
      await chown(disks, uid, uid);
      const path = join(disks, serial);
      await writeFile(path, Buffer.alloc(64 * 1024));
      await chown(path, uid, uid);
      return { serial, path, readOnly: false, ...changes };
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
