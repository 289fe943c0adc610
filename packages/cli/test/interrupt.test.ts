import { ZoneState } from '@protect/proto/control-common';
import { expect, test } from 'vitest';
import { addZone, createFakeDaemon, zoneId } from './fake-daemon.ts';
import { runProtect } from './run-protect.ts';

test.each([
  ['while it waits for a zone', ['zone', 'launch', '--wait']],
  ['while it waits for the end of a zone', ['zone', 'destroy', '--wait', 'web']],
])('a command that is interrupted %s ends with 130 and says nothing', async (_when, args) => {
  const daemon = createFakeDaemon();
  daemon.zoneStates = [ZoneState.CREATING];
  addZone(daemon, { id: zoneId, name: 'web', state: ZoneState.READY });
  daemon.keepsZones = true;
  const interrupted = new AbortController();
  const running = runProtect(daemon, args, { interrupted: interrupted.signal });
  await expect.poll(() => daemon.looks).toBeGreaterThan(0);
  interrupted.abort();
  expect(await running).toMatchObject({ exitCode: 130, stderr: '' });
});

test('a command that was interrupted before it began calls nobody', async () => {
  const daemon = createFakeDaemon();
  const result = await runProtect(daemon, ['zone', 'launch'], { interrupted: AbortSignal.abort() });
  expect(result).toEqual({ exitCode: 130, stdout: '', stderr: '' });
  expect(daemon.created.zones).toEqual([]);
});
