import { windowBytes } from './limits.ts';

/** How much one direction of a call may have under way. */
export interface SendWindow {
  /** Settles when `costBytes` more may be sent, and counts them as sent. One caller at a time. */
  take(costBytes: number): Promise<void>;
  /** The receiver has consumed `totalBytes` since the call began; false when that is more than was sent. */
  acknowledge(totalBytes: number): boolean;
  /** Wakes who waits, with `error`; later calls of `take` reject with it too. */
  fail(error: Error): void;
}

export function createSendWindow(limitBytes: number = windowBytes): SendWindow {
  let sent = 0;
  let acknowledged = 0;
  let failure: Error | undefined;
  let waiting: PromiseWithResolvers<void> | undefined;

  return {
    async take(costBytes) {
      while (failure === undefined && sent - acknowledged + costBytes > limitBytes) {
        waiting = Promise.withResolvers();
        await waiting.promise;
      }
      if (failure) throw failure;
      sent += costBytes;
    },
    acknowledge(totalBytes) {
      if (totalBytes > sent) return false;
      acknowledged = Math.max(acknowledged, totalBytes);
      waiting?.resolve();
      return true;
    },
    fail(error) {
      failure ??= error;
      waiting?.resolve();
    },
  };
}
