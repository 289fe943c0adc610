/** Messages on their way into a stream. One waits at a time, so that input is read as fast as it is sent. */
export interface RequestQueue<T> {
  readonly messages: AsyncIterable<T>;
  /** Resolves when the stream has taken the message, or takes no more. */
  push(message: T): Promise<void>;
  /** No message follows. */
  end(): void;
}

export function createRequestQueue<T>(first: T): RequestQueue<T> {
  const waiting: { message: T; taken: () => void }[] = [{ message: first, taken: () => {} }];
  let ended = false;
  let wake = Promise.withResolvers<void>();

  async function* messages(): AsyncGenerator<T> {
    try {
      while (true) {
        const next = waiting.shift();
        if (next !== undefined) {
          yield next.message;
          next.taken();
        } else if (ended) {
          return;
        } else {
          await wake.promise;
          wake = Promise.withResolvers();
        }
      }
    } finally {
      ended = true;
      for (const { taken } of waiting.splice(0)) taken();
    }
  }

  return {
    messages: messages(),
    push(message) {
      if (ended) return Promise.resolve();
      return new Promise((taken) => {
        waiting.push({ message, taken });
        wake.resolve();
      });
    },
    end() {
      ended = true;
      wake.resolve();
    },
  };
}
