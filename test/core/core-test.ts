import { test } from 'vitest';
import type { CoreHost } from './core-host.ts';

let logsShown = false;

/**
 * A test on a host that all tests of its file share: Dom0 where PROTECT_CORE_HOST says xen, else services started on
 * this machine. The first test of a file that fails shows the host's logs.
 */
export const coreTest = test
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the pattern which fixtures are wanted
  .extend('host', { scope: 'file' }, async ({}, { onCleanup }): Promise<CoreHost> => {
    const host = await openHost();
    onCleanup(() => host[Symbol.asyncDispose]());
    return host;
  })
  .extend('diagnosis', { auto: true }, ({ host, onTestFailed }) => {
    onTestFailed(async () => {
      if (logsShown) return;
      logsShown = true;
      console.error(await host.diagnose());
    });
  });

async function openHost(): Promise<CoreHost> {
  if (process.env.PROTECT_CORE_HOST === 'xen') {
    const { connectDom0Host } = await import('./dom0-host.ts');
    return connectDom0Host();
  }
  const { startLocalHost } = await import('./local-host.ts');
  return startLocalHost();
}
