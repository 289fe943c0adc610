/** Silence after which a console's history counts as told, when the daemon does not say how long it is. */
const quietMs = 300;

/** Response header with the bytes of history that a console had when it was opened. */
export const historyBytesHeader = 'protect-history-bytes';

/**
 * Decides when a console that is not followed has told its history: after the number of bytes that the
 * daemon announced, or when nothing came for a moment. `ended` aborts then.
 */
export function createHistoryEnd(): {
  readonly ended: AbortSignal;
  onHeader(headers: Headers): void;
  received(bytes: number): void;
  close(): void;
} {
  const controller = new AbortController();
  let left: number | undefined;
  let timer = setTimeout(() => controller.abort(), quietMs * 3);
  const check = () => {
    if (left !== undefined && left <= 0) controller.abort();
  };
  return {
    ended: controller.signal,
    onHeader(headers) {
      const announced = headers.get(historyBytesHeader);
      if (announced === null || !/^[0-9]{1,15}$/.test(announced)) return;
      left = (left ?? 0) + Number(announced);
      check();
    },
    received(bytes) {
      clearTimeout(timer);
      if (left !== undefined) left -= bytes;
      timer = setTimeout(() => controller.abort(), quietMs);
      check();
    },
    close: () => clearTimeout(timer),
  };
}
