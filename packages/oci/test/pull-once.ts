import { createImageStore } from '../src/pull.ts';

// Pulls a reference into a folder with the access given as JSON, and prints the digest.

const [, , reference = '', cacheDir = '', access = '{}'] = process.argv;
const store = createImageStore({ cacheDir, access: JSON.parse(access) });
const { digest } = await store.pull({ reference, signal: AbortSignal.timeout(30_000) });
process.stdout.write(digest);
