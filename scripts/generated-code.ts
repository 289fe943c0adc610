import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cliDocs } from './cli-docs.ts';
import { configurationDocs } from './configuration-docs.ts';

const protoPackage = fileURLToPath(new URL('../packages/proto', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const generatedFolder = join('src', 'gen');

/** Generates the TypeScript of every .proto file, in place or below `into`. */
export async function generateProto(into: string = protoPackage): Promise<void> {
  await execa('buf', ['generate', '--output', into], {
    cwd: protoPackage,
    preferLocal: true,
    timeout: 60_000,
  });
}

/** Pages that are made from the code they describe. */
const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/configuration.md': configurationDocs,
  'docs/cli.md': cliDocs,
};

/** Writes all of these pages anew. */
export async function generateDocs(): Promise<void> {
  for (const [path, content] of Object.entries(pages)) await writeFile(join(root, path), await content());
}

/** Pages of documentation that are absent or other than what the code says now. */
export async function staleDocs(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, content] of Object.entries(pages)) {
    const present = await readFile(join(root, path), 'utf8').catch(() => '');
    if (present !== (await content())) stale.push(path);
  }
  return stale;
}

/** Paths of generated files that are absent, left over or other than what the .proto files give now. */
export async function staleProtoFiles(): Promise<string[]> {
  const fresh = await mkdtemp(join(tmpdir(), 'protect-gen-'));
  try {
    await generateProto(fresh);
    const [wanted, present] = await Promise.all([
      readTree(join(fresh, generatedFolder)),
      readTree(join(protoPackage, generatedFolder)),
    ]);
    const paths = new Set([...wanted.keys(), ...present.keys()]);
    return [...paths].filter((path) => wanted.get(path) !== present.get(path)).sort();
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function readTree(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  return new Map(files.map((path, index) => [path.slice(folder.length + 1), contents[index] ?? '']));
}
