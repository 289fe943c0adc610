import { checkImport } from '../src/import-archive.ts';
import { createImageStore } from '../src/pull.ts';
import { tarEntry } from './tar-bytes.ts';

// Imports an archive that never ends into the folder given as argument; says so once its first file is on disk.

const [, , cacheDir = ''] = process.argv;

async function* endless() {
  yield tarEntry({ name: 'first', content: 'x'.repeat(100_000) });
  process.stdout.write('begun\n');
  yield await new Promise<Uint8Array>(() => setInterval(() => undefined, 60_000));
}

const request = checkImport({ name: '', digest: '', overwriteCache: false });
const watch = { onProgress: () => undefined, signal: AbortSignal.timeout(60_000) };
await createImageStore({ cacheDir }).importArchive(request, endless(), watch);
