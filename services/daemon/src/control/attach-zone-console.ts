import { readConsoleHistory } from '../hypervisor/console-log.ts';
import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { firstMessage } from './first-message.ts';
import { historyOnly } from './history-only.ts';

/** Bytes of one message. */
const replyBytes = 64 * 1024;

/**
 * What the zone prints on its console, its history first when asked for, and what the caller types. The
 * stream ends when the zone has, or after the history with the header `protect-follow: false`.
 */
export function attachZoneConsole(
  deps: Pick<ControlDeps, 'zones' | 'supervisor' | 'paths' | 'background'>,
): ControlMethods['attachZoneConsole'] {
  return async function* (requests, context) {
    const { signal } = context;
    const endsWithHistory = historyOnly(context);
    const { first, rest } = await firstMessage(requests);
    const zone = deps.zones.get(decodeZoneId(first.zoneId));
    const live = endsWithHistory ? undefined : deps.supervisor.console(zone.id);
    const type = async () => {
      let { data } = first;
      while (live !== undefined) {
        if (data.length > 0) await live.write(data);
        const next = await rest.next();
        if (next.done === true) return;
        ({ data } = next.value);
      }
    };
    // The caller's side ends with the stream.
    deps.background(
      'console input',
      type().catch(() => undefined),
    );
    if (live === undefined) {
      const history = await readConsoleHistory(deps.paths.zoneConsoleLog(zone.id));
      if (first.replayHistory) yield* pieces(history);
      return;
    }
    for await (const data of live.follow(signal, { replay: first.replayHistory })) yield* pieces(data);
  };
}

function* pieces(data: Buffer) {
  for (let at = 0; at < data.length; at += replyBytes) yield { data: data.subarray(at, at + replyBytes) };
}
