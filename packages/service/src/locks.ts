/** Orders operations by key: exclusive ones run alone, shared ones run together, all in order of arrival. */
export interface Locks {
  exclusive<T>(key: string, operation: () => Promise<T>): Promise<T>;
  shared<T>(key: string, operation: () => Promise<T>): Promise<T>;
}

interface Waiting {
  exclusive: Promise<unknown>;
  shared: Set<Promise<unknown>>;
  users: number;
}

export function createLocks(): Locks {
  const keys = new Map<string, Waiting>();

  async function hold<T>(
    key: string,
    operation: () => Promise<T>,
    enter: (waiting: Waiting, settled: Promise<void>) => Promise<unknown>,
  ): Promise<T> {
    const waiting: Waiting = keys.get(key) ?? { exclusive: Promise.resolve(), shared: new Set(), users: 0 };
    keys.set(key, waiting);
    waiting.users += 1;
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    const before = enter(waiting, settled);
    try {
      await before;
      return await operation();
    } finally {
      settle();
      waiting.shared.delete(settled);
      waiting.users -= 1;
      if (waiting.users === 0) keys.delete(key);
    }
  }

  return {
    exclusive: (key, operation) =>
      hold(key, operation, (waiting, settled) => {
        const before = Promise.all([waiting.exclusive, ...waiting.shared]);
        waiting.exclusive = settled;
        waiting.shared = new Set();
        return before;
      }),
    shared: (key, operation) =>
      hold(key, operation, (waiting, settled) => {
        waiting.shared.add(settled);
        return waiting.exclusive;
      }),
  };
}
