// Loaded before a service's own program, on the outer host: has Node compile every source that the service may load
// later, its threads' too. What they say when they are run like this does not matter.
import { globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const sources = globSync('{packages,services}/*/src/**/*.ts', { cwd: root });
for (const source of sources) {
  if (/\/main\.ts$|\.test\.ts$|\/testing\//.test(source)) continue;
  await import(join(root, source)).catch(() => {});
}
