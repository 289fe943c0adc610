import { WorkloadState, ZoneState } from '@protect/proto/control-common';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  addWorkload,
  addZone,
  createFakeDaemon,
  type FakeDaemon,
  workloadId,
  zoneId,
} from './fake-daemon.ts';
import { runProtect } from './run-protect.ts';

let daemon: FakeDaemon;

beforeEach(() => {
  daemon = createFakeDaemon();
  addZone(daemon, { id: zoneId, name: 'web', state: ZoneState.READY });
  addZone(daemon, { id: workloadId, name: '', state: ZoneState.FAILED });
  addWorkload(daemon, { id: workloadId, name: 'my nginx', state: WorkloadState.RUNNING });
});

/** The words that are offered for the last of these. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout } = await runProtect(daemon, ['__complete', '--', ...words]);
  return stdout.split('\n').slice(0, -1);
}

describe('completion offers', () => {
  test.each([
    ['commands', ['zo'], ['zone\tvirtual machines, each with its own kernel']],
    ['commands of a group', ['network', 'reservation', 'd'], ['destroy\tgive addresses back']],
    ['options', ['zone', 'list', '--sel'], [expect.stringMatching(/^--selector\tonly zones/)]],
    ['values of options', ['zone', 'launch', '-V', 'p'], ['pv\t', 'pvh\t']],
    ['values in the same word', ['zone', 'list', '--output=y'], ['--output=yaml\t']],
    [
      'zones by name, or by id where they have none',
      ['zone', 'logs', ''],
      ['web\tready', `${workloadId}\tfailed`],
    ],
    ['zones for an option', ['workload', 'launch', '-z', 'w'], ['web\tready']],
    ['workloads', ['workload', 'stop', 'my'], ['my nginx\trunning']],
    ['words that were begun in quotes', ['workload', 'stop', '"my ng'], ['my nginx\trunning']],
    ['images', ['image', 'remove', ''], ['oci:/images/busybox:latest\t']],
    ['files where files are wanted', ['image', 'import', ''], ['\t:files']],
    ['shells', ['completion', 'f'], ['fish\t']],
    ['nothing for the command of a workload', ['workload', 'exec', 'x', 'l'], []],
    ['nothing behind a word that is no command', ['nonsense', ''], []],
    ['nothing where the daemon does not answer', ['zone', 'launch', '-D', ''], []],
  ])('%s', async (_what, words, expected) => {
    expect(await offered(...words)).toEqual(expected);
  });
});
