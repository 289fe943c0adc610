// `npm run check`: everything that can be told without running the parts.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { missingEntries, readLockFile } from './complete-lock.ts';
import { staleDocs, staleProtoFiles } from './generated-code.ts';
import { findLeftovers } from './leftovers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Of each check; a formatter that is unhappy with many files says thousands. */
const shownLines = 80;

/** Complaints of one check, a line each; none is success. */
type Check = () => Promise<readonly string[]>;

const checks: Readonly<Record<string, Check>> = {
  'types (tsc)': () => tool('tsc', ['--project', '.']),
  'lint and format (biome)': () => tool('biome', ['check', '--error-on-warnings', '--colors=off', '.']),
  'proto files (buf lint)': () => tool('buf', ['lint', 'packages/proto']),
  'generated code': async () =>
    (await staleProtoFiles()).map((path) => `packages/proto/src/gen/${path} is stale: run npm run gen`),
  'generated documentation': async () =>
    (await staleDocs()).map((path) => `${path} is stale: run npm run gen`),
  'package-lock.json': async () =>
    missingEntries(readLockFile(join(root, 'package-lock.json'))).map(
      ({ path, requiredBy }) => `no entry ${path}, wanted by ${requiredBy}: run npm run lock`,
    ),
  leftovers: findLeftovers,
};

/** Runs a linter of node_modules/.bin and gives what it printed when it was not content. */
async function tool(file: string, args: readonly string[]): Promise<readonly string[]> {
  const result = await execa(file, args, {
    cwd: root,
    preferLocal: true,
    reject: false,
    all: true,
    timeout: 120_000,
  });
  return result.failed ? (result.all ?? result.message).trimEnd().split('\n') : [];
}

async function run(name: string, check: Check): Promise<boolean> {
  const began = performance.now();
  const complaints = await check();
  const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  console.log(`${complaints.length === 0 ? 'ok    ' : 'FAILED'}  ${name} (${took})`);
  for (const line of complaints.slice(0, shownLines)) console.log(`        ${line}`);
  if (complaints.length > shownLines)
    console.log(`        … and ${complaints.length - shownLines} more lines`);
  return complaints.length === 0;
}

const outcomes = await Promise.all(Object.entries(checks).map(([name, check]) => run(name, check)));
const failed = outcomes.filter((ok) => !ok).length;
console.log(`${outcomes.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
