/** Silence after which a console's history counts as told, by a daemon that goes on to follow. */
const quietMs = 300;

/** The same before anything came: a busy daemon may need a while. */
const firstMs = 5_000;

/** Asks a console for its history only; a daemon that does so repeats it in its answer. */
const followHeader = 'protect-follow';

/** How a console is read to the end of its history and no further. */
export interface HistoryEnd {
  /** For the call. */
  readonly options: {
    readonly headers: Record<string, string>;
    readonly signal: AbortSignal;
    readonly onHeader: (headers: Headers) => void;
  };
  /** Something came. */
  received(): void;
  close(): void;
}

/**
 * The daemon ends the stream after the history. One that does not know the header follows the console:
 * then the history has ended when nothing comes for a moment.
 */
export function createHistoryEnd(): HistoryEnd {
  const quiet = new AbortController();
  let understood = false;
  let timer = setTimeout(() => quiet.abort(), firstMs);
  return {
    options: {
      headers: { [followHeader]: 'false' },
      signal: quiet.signal,
      onHeader(headers) {
        understood = headers.get(followHeader) === 'false';
        if (understood) clearTimeout(timer);
      },
    },
    received() {
      clearTimeout(timer);
      if (!understood) timer = setTimeout(() => quiet.abort(), quietMs);
    },
    close: () => clearTimeout(timer),
  };
}
