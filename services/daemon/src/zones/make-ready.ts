import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneRecord } from '../state/zone-record.ts';
import { zoneConfiguration } from './configure.ts';
import type { ZoneDeps } from './deps.ts';
import { moveZone } from './move-zone.ts';
import type { Runtime } from './runtime.ts';

/** Longest time from the machine's start to the zone's readiness. */
const bootMs = 180_000;
const configureDeadlineMs = 60_000;

/** Milliseconds before a lost channel is asked again. */
const reconnectMs = 100;

/**
 * Tells a zone whose machine runs all that it needs to know, and has it READY, or FAILED with the reason. A channel
 * that is lost on the way changes nothing; the caller looks again. `stop` is the end of this daemon.
 */
export async function makeReady(
  { state, logger }: Pick<ZoneDeps, 'state' | 'logger'>,
  record: ZoneRecord,
  runtime: Runtime,
  stop: AbortSignal,
): Promise<void> {
  const { id } = record;
  const abort = new AbortController();
  runtime.abort = abort;
  const limit = AbortSignal.timeout(bootMs);
  const signal = AbortSignal.any([abort.signal, limit]);
  try {
    if (runtime.link === undefined) return;
    const connection = await runtime.link.connected(signal);
    const request = { case: 'configure', value: zoneConfiguration(record) } as const;
    await connection.request(request, { deadlineMs: configureDeadlineMs, signal });
    await moveZone(state, id, { state: 'ready' }, { readyAtMs: Date.now() });
  } catch (error) {
    const changed = state.zones.get(id)?.desired === 'gone' || runtime.end !== undefined;
    if (changed || stop.aborted) return;
    if (ConnectError.from(error).code === Code.Unavailable && !limit.aborted) {
      await delay(reconnectMs);
      return;
    }
    logger.warn({ err: error, zone: id }, 'a zone did not become ready');
    const message = limit.aborted
      ? `the zone was not ready ${bootMs / 1000} s after its start; see its console`
      : `the zone could not be configured: ${ConnectError.from(error).rawMessage}`;
    await moveZone(state, id, { state: 'failed', message });
  } finally {
    runtime.abort = undefined;
  }
}
