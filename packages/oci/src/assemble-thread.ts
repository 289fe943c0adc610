import { Worker } from 'node:worker_threads';
import type { Accounts, ImageLimits } from './assemble.ts';
import { ImageError, type ImageErrorKind } from './image-error.ts';
import type { PackedFormat } from './image-format.ts';
import type { SourceLocation } from './open-source.ts';
import type { OnProgress, PullProgress } from './pull-progress.ts';
import type { RegistryOptions } from './registry.ts';

/** Everything the thread needs, as plain data. */
export interface AssembleJob {
  readonly location: SourceLocation;
  readonly access: RegistryOptions;
  readonly digest: string;
  readonly manifestBytes: Uint8Array;
  readonly configBytes: Uint8Array;
  readonly format: PackedFormat;
  readonly directory: string;
  readonly limits: ImageLimits;
}

/** What the thread says. */
export type FromWorker =
  | { readonly type: 'progress'; readonly progress: PullProgress }
  | { readonly type: 'done'; readonly sizeBytes: number; readonly accounts: Accounts }
  | { readonly type: 'failed'; readonly message: string; readonly kind?: ImageErrorKind };

/** How long the thread gets to clean up once asked to stop. */
const stopTimeoutMs = 5_000;

/** As `assembleImage`, on a thread of its own: hashing and merging would hold up the caller's other work. */
export async function assembleOnThread(
  job: AssembleJob,
  { onProgress, signal }: { onProgress: OnProgress; signal: AbortSignal },
): Promise<{ sizeBytes: number; accounts: Accounts }> {
  signal.throwIfAborted();
  const worker = new Worker(new URL('./assemble-worker.ts', import.meta.url), { workerData: job });
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    worker.postMessage('stop');
    timer = setTimeout(() => void worker.terminate(), stopTimeoutMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'progress') onProgress(message.progress);
        else if (message.type === 'done')
          resolve({ sizeBytes: message.sizeBytes, accounts: message.accounts });
        else reject(signal.aborted ? signal.reason : failure(message));
      });
      worker.once('error', reject);
      worker.once('exit', (code) =>
        reject(signal.aborted ? signal.reason : new Error(`the image thread ended with ${code}`)),
      );
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
    clearTimeout(timer);
  }
}

function failure({ message, kind }: FromWorker & { type: 'failed' }): Error {
  return kind === undefined ? new Error(message) : new ImageError(kind, message);
}
