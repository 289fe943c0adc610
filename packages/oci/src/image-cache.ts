import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Accounts } from './assemble.ts';
import { digestSchema } from './descriptor.ts';
import { isPackedFormat, type PackedFormat } from './image-format.ts';
import { packedFileName } from './pack.ts';

/** An image ready to be attached to a zone. */
export interface PackedImage {
  /** Digest of the image manifest. */
  readonly digest: string;
  readonly format: PackedFormat;
  /** The packed file, read-only. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Full references under which it was pulled, sorted. */
  readonly names: readonly string[];
  /** The manifest's and the configuration's bytes as the registry gave them. */
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
  readonly accounts: Accounts;
}

const indexSchema = z.object({ version: z.literal(1), names: z.record(z.string(), digestSchema) });
const accountsSchema = z.object({ passwd: z.string().exactOptional(), group: z.string().exactOptional() });

const entryPattern = /^([0-9a-f]{64})-(squashfs|tar)$/;
const stagingPrefix = 'staging-';

/**
 * Packed images in a folder: one folder per digest and format, made elsewhere and renamed into place, and `index.json`
 * with the names. One process owns the folder.
 */
export function openImageCache(cacheDir: string) {
  let prepared: Promise<void> | undefined;
  let changes: Promise<unknown> = Promise.resolve();
  const indexPath = join(cacheDir, 'index.json');

  /** Not before the first use: a failure belongs to a caller. */
  function ready(): Promise<void> {
    prepared ??= prepare(cacheDir);
    return prepared;
  }

  /** One change of the index after the other. */
  function change<T>(work: () => Promise<T>): Promise<T> {
    const result = changes.then(ready).then(work);
    changes = result.catch(() => undefined);
    return result;
  }

  async function readNames(): Promise<Record<string, string>> {
    await ready();
    const text = await readFile(indexPath, 'utf8').catch(absent);
    if (text === undefined) return {};
    const parsed = indexSchema.safeParse(parseJson(text));
    // Names only save a look at the registry; a damaged index costs no image.
    return parsed.success ? parsed.data.names : {};
  }

  async function writeNames(names: Record<string, string>): Promise<void> {
    const fresh = join(cacheDir, `${stagingPrefix}index-${randomUUID()}`);
    await writeFile(fresh, JSON.stringify({ version: 1, names }), { flush: true });
    await rename(fresh, indexPath);
  }

  async function get(digest: string, format: PackedFormat): Promise<PackedImage | undefined> {
    const names = await readNames();
    return await readEntry(cacheDir, digest, format, names);
  }

  return {
    get,

    /** The digest that a full reference had when it was last pulled. */
    async digestOfName(name: string): Promise<string | undefined> {
      const names = await readNames();
      return Object.hasOwn(names, name) ? names[name] : undefined;
    },

    /** Every packed image, by digest. */
    async list(): Promise<PackedImage[]> {
      const names = await readNames();
      const found: PackedImage[] = [];
      for (const name of (await readdir(cacheDir)).sort()) {
        const [, hex, format] = entryPattern.exec(name) ?? [];
        if (hex === undefined || format === undefined || !isPackedFormat(format)) continue;
        const entry = await readEntry(cacheDir, `sha256:${hex}`, format, names);
        if (entry !== undefined) found.push(entry);
      }
      return found;
    },

    /** An empty folder to make an entry in; on the same filesystem as the cache. */
    async stage(): Promise<string> {
      await ready();
      return await mkdtemp(join(cacheDir, stagingPrefix));
    },

    /** Takes a staged folder that holds the packed file in as the entry for a digest and format. */
    async commit(
      staging: string,
      image: Pick<PackedImage, 'digest' | 'format' | 'manifest' | 'config' | 'accounts'>,
    ): Promise<void> {
      await writeFile(join(staging, 'manifest.json'), image.manifest);
      await writeFile(join(staging, 'config.json'), image.config);
      await writeFile(join(staging, 'accounts.json'), JSON.stringify(image.accounts), { flush: true });
      const target = entryPath(cacheDir, image.digest, image.format);
      await change(async () => {
        const old = join(cacheDir, `${stagingPrefix}old-${randomUUID()}`);
        await rename(target, old).catch(absent);
        await rename(staging, target);
        await rm(old, { recursive: true, force: true });
        await using folder = await open(cacheDir, 'r');
        await folder.sync();
      });
    },

    /** Records that a full reference now means this digest. */
    async name(name: string, digest: string): Promise<void> {
      await change(async () => {
        const names = await readNames();
        if (names[name] !== digest) await writeNames({ ...names, [name]: digest });
      });
    },

    /** Removes an image in one format or in all, with its names once nothing is left; false when there was none. */
    async remove(digest: string, formats: readonly PackedFormat[]): Promise<boolean> {
      digestSchema.parse(digest);
      return await change(async () => {
        let removed = false;
        for (const format of formats) {
          const old = join(cacheDir, `${stagingPrefix}old-${randomUUID()}`);
          const path = entryPath(cacheDir, digest, format);
          const moved = await rename(path, old).then(() => true, absent);
          if (moved === undefined) continue;
          removed = true;
          await rm(old, { recursive: true, force: true });
        }
        const left = (await readdir(cacheDir)).some((name) =>
          name.startsWith(`${digest.slice('sha256:'.length)}-`),
        );
        if (!left) {
          const names = Object.entries(await readNames());
          await writeNames(Object.fromEntries(names.filter(([, named]) => named !== digest)));
        }
        return removed;
      });
    },
  };
}

export type ImageCache = ReturnType<typeof openImageCache>;

/** Makes the folder and clears what an earlier process left unfinished. */
async function prepare(cacheDir: string): Promise<void> {
  await mkdir(cacheDir, { recursive: true, mode: 0o711 });
  const left = (await readdir(cacheDir)).filter((name) => name.startsWith(stagingPrefix));
  for (const name of left) await rm(join(cacheDir, name), { recursive: true, force: true });
}

function entryPath(cacheDir: string, digest: string, format: PackedFormat): string {
  return join(cacheDir, `${digestSchema.parse(digest).slice('sha256:'.length)}-${format}`);
}

async function readEntry(
  cacheDir: string,
  digest: string,
  format: PackedFormat,
  names: Readonly<Record<string, string>>,
): Promise<PackedImage | undefined> {
  const directory = entryPath(cacheDir, digest, format);
  const path = join(directory, packedFileName(format));
  const [stats, manifest, config, accounts] = await Promise.all([
    stat(path).catch(absent),
    readFile(join(directory, 'manifest.json')).catch(absent),
    readFile(join(directory, 'config.json')).catch(absent),
    readFile(join(directory, 'accounts.json'), 'utf8').catch(absent),
  ]);
  const parsed = accountsSchema.safeParse(parseJson(accounts ?? ''));
  if (stats === undefined || manifest === undefined || config === undefined || !parsed.success)
    return undefined;
  const known = Object.entries(names).flatMap(([name, named]) => (named === digest ? [name] : []));
  return {
    digest,
    format,
    path,
    sizeBytes: stats.size,
    names: known.sort(),
    manifest,
    config,
    accounts: parsed.data,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
