import { setTimeout as delay } from 'node:timers/promises';
import { ConfigurationError } from '@protect/service/errors';
import { type RunningService, runService, type ServiceContext } from '@protect/service/run';

// A service of a test. `--mode` says how it behaves.

await runService({
  name: 'storage',
  flags: { mode: { type: 'string', default: 'well' } },
  start: {
    async configure({ flags }) {
      if (flags.mode === 'misconfigured-early') throw new ConfigurationError('daemon.toml:3: no such key');
      return start;
    },
  },
});

async function start({ flags, logger, background, signal }: ServiceContext): Promise<RunningService> {
  switch (flags.mode) {
    case 'misconfigured':
      throw new ConfigurationError('daemon.toml: line 3: no such key');
    case 'broken':
      throw new Error('the disk is gone');
    case 'slow-start':
      logger.info({}, 'in start');
      await delay(60_000, undefined, { signal });
      break;
    case 'unhandled-rejection':
      void Promise.resolve().then(() => {
        throw new Error('nobody waits for this');
      });
      break;
    case 'uncaught-exception':
      setImmediate(() => {
        throw new Error('thrown from a callback');
      });
      break;
    case 'background-failure':
      background('tidying up', Promise.reject(new Error('no broom')));
      break;
  }
  return {
    checks: () => [{ name: 'configured', ok: flags.mode === 'well', message: 'waits for the daemon' }],
    async [Symbol.asyncDispose]() {
      logger.info({}, 'disposing');
      if (flags.mode === 'hanging-stop') await new Promise(() => {});
      if (flags.mode === 'failing-stop') throw new Error('cannot be undone');
      logger.info({}, 'disposed');
    },
  };
}
