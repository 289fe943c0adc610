// Runs in a mount namespace of its own, where the state folder given as argument is on a tiny filesystem.
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { startStorage } from './start-storage.ts';

const [folder = ''] = process.argv.slice(2);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=768k,mode=0711', 'tmpfs', folder]);
await using storage = await startStorage(folder);
await storage.configure();
const failure = await storage.prepare({ scratch: { kind: 'file', sizeBytes: 4n * 1024n ** 4n } }).then(
  () => undefined,
  (error: unknown) => error,
);
const code = failure instanceof ConnectError ? Code[failure.code] : String(failure);
const message = failure instanceof Error ? failure.message : '';
const left = await readdir(storage.paths.zones).catch(() => []);
await storage.prepare();
process.stdout.write(JSON.stringify({ code, message, left }));
