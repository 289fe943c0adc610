/**
 * Lets one waiter sleep until something happens. Nothing is lost between looking and waiting: what
 * happens after `reset` ends the next `wait` at once.
 */
export class Wakeup {
  #happened = false;
  #waiter: (() => void) | undefined;

  /** Says that something happened. A function of its own, so that it can be handed on. */
  readonly wake = (): void => {
    this.#happened = true;
    this.#waiter?.();
  };

  /** From here on, what happens counts. */
  reset(): void {
    this.#happened = false;
  }

  async wait(): Promise<void> {
    if (this.#happened) return;
    await new Promise<void>((resolve) => {
      this.#waiter = resolve;
    });
    this.#waiter = undefined;
  }
}
