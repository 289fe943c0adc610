import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Something that belongs to work under way and not into the tree. */
interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  readonly files: RegExp;
  readonly except?: RegExp;
}

const code = /\.(ts|mjs|c|h)$/;
const text = /\.(ts|mjs|c|h|md|json|yaml|proto|toml|sh)$|\/run$|Makefile$/;
const tests = /\.test\.ts$/;
const itself = /^scripts\/leftovers\.ts$/;

const rules: readonly Rule[] = [
  { what: 'a conflict marker', pattern: /^(<{7}|>{7}) /, files: text },
  { what: 'a note to come back', pattern: /\b(TODO|FIXME|XXX|HACK)\b/, files: text },
  { what: 'a test that runs alone', pattern: /\b(test|it|describe)\.only\(/, files: tests },
  { what: 'a test that is switched off', pattern: /\b(test|it|describe)\.(skip|todo)\(/, files: tests },
  { what: 'a debugger statement', pattern: /^\s*debugger;/, files: code },
  { what: 'a lint suppression without a reason', pattern: /biome-ignore [^:]+:?\s*$/, files: code },
  {
    what: 'a path of one machine',
    pattern: /(^|[\s'"`(])\/(work|home)\//,
    files: text,
    except: /^zone\/initrd\//,
  },
  {
    what: 'an import of nats beside the one file that wraps it',
    pattern: /from 'nats'/,
    files: /\.ts$/,
    // The test plays a tool from elsewhere.
    except: /^packages\/bus\/(src\/nats|test\/reader\.integration\.test)\.ts$/,
  },
  { what: 'a shell string', pattern: /\bshell: true\b/, files: code },
];

/** Leftovers in the tracked files, as `path:line: what`. */
export async function findLeftovers(): Promise<string[]> {
  const listed = await execa('git', ['ls-files', '-z'], { cwd: root });
  const paths = listed.stdout.split('\0').filter((path) => text.test(path) && !path.includes('/gen/'));
  const found = await Promise.all(paths.filter((path) => !itself.test(path)).map(leftoversIn));
  return found.flat();
}

async function leftoversIn(path: string): Promise<string[]> {
  const applicable = rules.filter(({ files, except }) => files.test(path) && !except?.test(path));
  // A file that was removed but is still tracked has nothing to find.
  const content = await readFile(join(root, path), 'utf8').catch(() => '');
  return content
    .split('\n')
    .flatMap((line, index) =>
      applicable
        .filter(({ pattern }) => pattern.test(line))
        .map(({ what }) => `${path}:${index + 1}: ${what}`),
    );
}
