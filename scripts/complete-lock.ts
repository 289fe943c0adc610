import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** One entry of `packages` in package-lock.json; what is not named here is passed through. */
const lockEntry = z.looseObject({
  version: z.string().optional(),
  dev: z.boolean().optional(),
  optional: z.boolean().optional(),
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
  libc: z.array(z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

const lockFileShape = z.looseObject({ packages: z.record(z.string(), lockEntry) });

export type LockEntry = z.infer<typeof lockEntry>;
export type LockFile = z.infer<typeof lockFileShape>;

// zod's own result has its keys in another order, and the file is compared line by line in reviews.
const lockFile = z.custom<LockFile>((value) => lockFileShape.safeParse(value).success);

/** An optional dependency that the lock names but does not hold. */
export interface MissingEntry {
  readonly path: string;
  readonly requiredBy: string;
  readonly entry: LockEntry;
}

const operatingSystems: readonly (readonly [RegExp, string])[] = [
  [/\bdarwin\b/, 'darwin'],
  [/\b(win32|windows)\b/, 'win32'],
  [/\bandroid\b/, 'android'],
  [/\bfreebsd\b/, 'freebsd'],
  [/\blinux\b/, 'linux'],
];

const processors: readonly (readonly [RegExp, string])[] = [
  [/\b(arm64|aarch64)\b/, 'arm64'],
  [/\b(armv7|arm)\b/, 'arm'],
  [/\bia32\b/, 'ia32'],
  [/\b(x64|64)\b/, 'x64'],
];

const exactVersion = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

/** The lock file at `path`; an error names the file when it is not one that npm writes. */
export function readLockFile(path: string): LockFile {
  const parsed = lockFile.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success) throw new Error(`${path} is not a lock file that npm 7 or later wrote`);
  return parsed.data;
}

/**
 * Entries that npm left out because the registry it was run against lacks the packages of other
 * platforms. Without them `npm ci` refuses the lock ("Missing: … from lock file") on every machine.
 */
export function missingEntries(lock: LockFile): MissingEntry[] {
  const missing: MissingEntry[] = [];
  for (const [requiredBy, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      if (lock.packages[path] || lock.packages[`${requiredBy}/${path}`]) continue;
      missing.push({ path, requiredBy, entry: platformEntry(name, version, entry.dev === true) });
    }
  }
  return missing;
}

/** `lock` with every missing entry added, its packages in npm's own order. */
export function completeLock(lock: LockFile): LockFile {
  const packages = { ...lock.packages };
  for (const { path, entry } of missingEntries(lock)) packages[path] = entry;
  const ordered = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  return { ...lock, packages: Object.fromEntries(ordered) };
}

function platformEntry(name: string, version: string, dev: boolean): LockEntry {
  if (!exactVersion.test(version)) {
    throw new Error(
      `cannot complete ${name}@${version}: only exact versions can be added without the registry`,
    );
  }
  const words = name.replaceAll(/[_/]/g, '-');
  const os = operatingSystems.find(([pattern]) => pattern.test(words))?.[1];
  const cpu = processors.find(([pattern]) => pattern.test(words))?.[1];
  if (!os || !cpu) throw new Error(`cannot tell from its name which platform ${name} is for`);
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(words.endsWith('-musl') ? { libc: ['musl'] } : {}),
    optional: true,
    os: [os],
  };
}

if (import.meta.main) {
  const path = fileURLToPath(new URL('../package-lock.json', import.meta.url));
  const lock = readLockFile(path);
  const missing = missingEntries(lock);
  if (process.argv.includes('--check')) {
    for (const { path: entry, requiredBy } of missing)
      console.error(`${path}: no entry ${entry}, wanted by ${requiredBy}`);
    if (missing.length > 0) {
      console.error('`npm ci` would refuse this lock. Run: node scripts/complete-lock.ts');
      process.exitCode = 1;
    }
  } else if (missing.length > 0) {
    writeFileSync(path, `${JSON.stringify(completeLock(lock), null, 2)}\n`);
    console.log(`${path}: ${missing.length} entries added`);
  }
}
