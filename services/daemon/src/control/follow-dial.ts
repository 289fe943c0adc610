import type { IdmStream } from '../idm/stream.ts';
import { dialLingerMs } from '../limits.ts';

/** What comes out of a dialled connection. */
export interface Dial {
  /** The other end's bytes, and an empty content when it has ended; ends when the connection is over. */
  readonly contents: AsyncIterable<Uint8Array>;
  /** Says that the caller has sent something. */
  heard(): void;
}

export function followDial(
  stream: Pick<IdmStream, 'responses' | 'grant'>,
  silenceMs: number = dialLingerMs,
): Dial {
  const silence = Promise.withResolvers<undefined>();
  let timer: NodeJS.Timeout | undefined;
  async function* contents() {
    const responses = stream.responses[Symbol.asyncIterator]();
    try {
      while (true) {
        const response = responses.next();
        const next = timer === undefined ? await response : await Promise.race([response, silence.promise]);
        if (next === undefined || next.done === true) return;
        const { response: message } = next.value;
        if (message.case !== 'output') continue;
        const { data, end } = message.value;
        if (data.length > 0) yield data;
        stream.grant(data.length);
        if (!end) continue;
        yield new Uint8Array();
        timer ??= setTimeout(() => silence.resolve(undefined), silenceMs);
      }
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    contents: contents(),
    heard: () => void timer?.refresh(),
  };
}
