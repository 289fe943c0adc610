import { ConsoleLog } from '../zones/console-log.ts';
import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { firstMessage } from './first-message.ts';

/**
 * What the zone prints on its console, its history first when asked for, and what the caller types. The
 * stream ends when the zone has.
 */
export function attachZoneConsole(
  deps: Pick<ControlDeps, 'zones' | 'supervisor' | 'paths' | 'background'>,
): ControlMethods['attachZoneConsole'] {
  return async function* (requests, { signal }) {
    const { first, rest } = await firstMessage(requests);
    const zone = deps.zones.get(decodeZoneId(first.zoneId));
    const live = deps.supervisor.console(zone.id);
    const log = live?.log ?? (await ConsoleLog.open(deps.paths.zoneConsoleLog(zone.id)));
    if (live === undefined) log.close();
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
    const from = first.replayHistory ? 0 : log.end;
    for await (const data of log.read(from, signal)) yield { data };
  };
}
