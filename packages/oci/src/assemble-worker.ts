import { parentPort, workerData } from 'node:worker_threads';
import { assembleImage } from './assemble.ts';
import type { AssembleJob, FromWorker } from './assemble-thread.ts';
import { ImageError } from './image-error.ts';
import { checkConfig, parseManifest } from './manifest.ts';
import { openSource } from './open-source.ts';

// The thread that fetches, checks, decompresses and merges one image, away from the process's main thread.

const port = parentPort;
if (port === null) throw new Error('assemble-worker.ts runs only as a worker thread');
const post = (message: FromWorker) => port.postMessage(message);

const job = workerData as AssembleJob;
const controller = new AbortController();
port.on('message', () => controller.abort());

try {
  post({ type: 'done', ...(await assemble(job)) });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  post({ type: 'failed', message, ...(error instanceof ImageError ? { kind: error.kind } : {}) });
} finally {
  port.close();
}

async function assemble({
  location,
  digest,
  manifestBytes,
  configBytes,
  format,
  directory,
  ...rest
}: AssembleJob) {
  const source = openSource(location, rest.access);
  const manifest = parseManifest(manifestBytes, `the manifest of ${source.name}`);
  if ('manifests' in manifest) throw new ImageError('broken', `the manifest of ${source.name} is an index`);
  const diffIds = checkConfig(configBytes, manifest, `the configuration of ${source.name}`);
  const image = { source, digest, manifest, manifestBytes, configBytes, diffIds };
  return await assembleImage(image, format, directory, {
    limits: rest.limits,
    onProgress: (progress) => post({ type: 'progress', progress }),
    signal: controller.signal,
  });
}
