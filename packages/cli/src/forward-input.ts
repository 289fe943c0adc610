import type { InputStream } from './cli.ts';
import { detachKey } from './terminal.ts';

/** Why the input ended. */
export type InputEnd = 'end-of-file' | 'detached';

/** Hands every piece of input to `send`, and waits for each; with `detachable`, Ctrl-] ends it. */
export async function forwardInput(
  stdin: InputStream,
  options: { readonly detachable: boolean; readonly signal: AbortSignal },
  send: (data: Uint8Array) => Promise<void>,
): Promise<InputEnd> {
  const stop = () => stdin.pause();
  options.signal.addEventListener('abort', stop);
  try {
    for await (const chunk of stdin) {
      if (options.signal.aborted) break;
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      const detach = options.detachable ? data.indexOf(detachKey) : -1;
      if (detach < 0) {
        await send(data);
      } else {
        if (detach > 0) await send(data.subarray(0, detach));
        return 'detached';
      }
    }
    return 'end-of-file';
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}
