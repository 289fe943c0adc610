import { readConsoleHistory } from '../hypervisor/console-log.ts';
import { settledWithin } from '../hypervisor/deadline.ts';
import type { DomainEnd } from '../hypervisor/hypervisor.ts';
import type { ZoneRecord } from '../state/zone-record.ts';
import type { ZoneDeps, ZoneWorkloads } from './deps.ts';
import { lastWords, ranOutOfMemory } from './last-words.ts';
import { moveZone } from './move-zone.ts';
import type { Runtime } from './runtime.ts';

/** Longest wait for the last bytes of an ended machine's console. */
const lastBytesMs = 2_000;

type EndedStatus = ZoneRecord['status'] & { state: 'exited' | 'failed' };

/** What a zone is after its machine ended in this way; `words` is what it said last. */
export function statusAfter(end: DomainEnd, words: readonly string[] = []): EndedStatus {
  if (end.kind === 'poweroff') return { state: 'exited', exitCode: 0 };
  if (end.kind === 'lost') return { state: 'failed', message: end.message };
  const message = ranOutOfMemory(words)
    ? 'the zone ran out of memory and its kernel panicked'
    : end.kind === 'crash'
      ? end.message
      : 'the kernel of the zone restarted or panicked';
  return { state: 'failed', message, ...(words.length === 0 ? {} : { lastWords: [...words] }) };
}

/** Writes down how the machine of a zone ended, and that its workloads did. */
export async function recordEnd(
  deps: Pick<ZoneDeps, 'state' | 'paths' | 'logger'>,
  workloads: Pick<ZoneWorkloads, 'zoneEnded'>,
  id: ZoneRecord['id'],
  end: DomainEnd,
  runtime: Pick<Runtime, 'console'>,
): Promise<void> {
  const crashed = end.kind === 'crash' || end.kind === 'reboot';
  const status = statusAfter(end, crashed ? await wordsOf(deps, id, runtime) : []);
  await moveZone(deps.state, id, status);
  await workloads.zoneEnded(id, status.state === 'failed' ? status.message : 'the zone has ended');
}

async function wordsOf(
  { paths, logger }: Pick<ZoneDeps, 'paths' | 'logger'>,
  id: ZoneRecord['id'],
  { console }: Pick<Runtime, 'console'>,
): Promise<string[]> {
  // Without it the machine ended before this daemon could hear it.
  if (console === undefined) return [];
  await settledWithin(console.ended, lastBytesMs);
  try {
    return lastWords(await readConsoleHistory(paths.zoneConsoleLog(id)));
  } catch (error) {
    logger.warn({ err: error, zone: id }, 'the last words of a zone cannot be read');
    return [];
  }
}
