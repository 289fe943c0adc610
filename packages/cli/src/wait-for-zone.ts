import { Code, ConnectError } from '@connectrpc/connect';
import { type Zone, ZoneState, ZoneStateSchema } from '@protect/proto/control-common';
import type { Cli } from './cli.ts';
import { CommandError } from './command-error.ts';
import { createProgressLine } from './progress-line.ts';
import { shortName } from './short-name.ts';
import { watchUntil } from './watch-until.ts';

/** Waits until the zone is ready; fails with its own error when it cannot become so. */
export async function waitUntilReady(cli: Cli, zoneId: string): Promise<Zone> {
  return waitFor(cli, zoneId, (zone) => {
    const state = zone?.status?.state;
    if (zone !== undefined && state === ZoneState.READY) return zone;
    if (state === ZoneState.FAILED) {
      throw new CommandError(
        `zone ${zoneId} failed: ${zone?.status?.errorStatus?.message || 'no reason is known; see its log with protect zone logs'}`,
      );
    }
    if (zone === undefined || state === ZoneState.DESTROYING || state === ZoneState.DESTROYED) {
      throw new CommandError(`zone ${zoneId} was destroyed before it was ready`);
    }
    if (state === ZoneState.EXITED) {
      throw new CommandError(`zone ${zoneId} ended before it was ready; see protect zone logs ${zoneId}`);
    }
    return undefined;
  });
}

/** Waits until nothing is left of the zone. */
export async function waitUntilDestroyed(cli: Cli, zoneId: string): Promise<void> {
  await waitFor(cli, zoneId, (zone) =>
    zone === undefined || zone.status?.state === ZoneState.DESTROYED ? true : undefined,
  );
}

async function waitFor<T>(
  cli: Cli,
  zoneId: string,
  decide: (zone: Zone | undefined) => T | undefined,
): Promise<T> {
  const progress = createProgressLine(cli);
  try {
    return await watchUntil(
      cli,
      (event) => event.case === 'zoneChanged' && event.value.zone?.id === zoneId,
      async () => {
        const zone = await getZone(cli, zoneId);
        const state = shortName(ZoneStateSchema, zone?.status?.state ?? ZoneState.DESTROYED);
        progress.show(`zone ${zoneId}: ${state}`);
        return decide(zone);
      },
    );
  } finally {
    progress.end();
  }
}

async function getZone(cli: Cli, zoneId: string): Promise<Zone | undefined> {
  try {
    return (await cli.control.getZone({ zoneId })).zone;
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) return undefined;
    throw error;
  }
}
