import { rm } from 'node:fs/promises';
import type { ZoneId } from '@protect/config/ids';
import { listZoneFolders } from '../hypervisor/control-folder.ts';
import { recoverRecords } from '../state/recover.ts';
import type { ZoneDeps } from './deps.ts';
import type { ZoneSupervisor } from './supervisor.ts';
import { teardownZone } from './teardown.ts';

const adoptMs = 10_000;

/**
 * Brings the zones of an earlier daemon under this one: machines that run are taken over, those that
 * are gone are written down as ended, unfinished work is finished, and machines and folders without a
 * record go.
 */
export async function adoptZones(
  deps: ZoneDeps,
  supervisor: ZoneSupervisor,
  signal: AbortSignal,
): Promise<void> {
  const { state, hypervisor, logger, paths, records } = deps;
  const folders = await listZoneFolders(paths);
  await recoverRecords({ state, paths, records, logger }, folders);
  const machines = new Set(await hypervisor.list(signal));
  await Promise.all(
    state.zones.all().map(async ({ id }) => {
      if (machines.has(id)) await takeOver(id);
      machines.delete(id);
      supervisor.kick(id);
    }),
  );
  for (const id of new Set([...machines, ...folders])) {
    if (state.zones.get(id) !== undefined) continue;
    logger.warn({ zone: id }, 'there is a zone that no record knows; it is taken down');
    await state.noteOrphan(id);
    deps.background('remove unknown zone', remove(id));
  }

  async function takeOver(id: ZoneId): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(adoptMs)]);
    try {
      const domain = await hypervisor.adopt(id, limit);
      if (domain !== undefined) supervisor.takeOver(id, domain);
    } catch (error) {
      // The zone is then written down as lost, and its teardown ends what is left of the machine.
      logger.error({ err: error, zone: id }, 'the machine of a zone could not be taken over');
    }
  }

  async function remove(id: ZoneId): Promise<void> {
    await teardownZone(deps, { id }, undefined, signal);
    await rm(deps.paths.zone(id), { recursive: true, force: true });
  }
}
