import { Code, ConnectError } from '@connectrpc/connect';

interface Named {
  readonly id: string;
  readonly spec: { readonly name: string };
  readonly createdAtMs: number;
}

/** All that have this name or id, newest first. */
export function findByName<T extends Named>(all: readonly T[], name: string): T[] {
  const wanted = name.toLowerCase();
  return all
    .filter((record) => (record.spec.name === name && name !== '') || record.id === wanted)
    .sort((a, b) => b.createdAtMs - a.createdAtMs);
}

/** The ids of all that have this name or id, newest first. NOT_FOUND when there are none. */
export function idsByName<T extends Named>(
  kind: 'zone' | 'workload',
  all: readonly T[],
  name: string,
): T['id'][] {
  const found = findByName(all, name);
  if (found.length === 0) throw nobody(kind, name);
  return found.map(({ id }) => id);
}

/**
 * The one that a name means: the newest that is active, else the newest there is. NOT_FOUND when there
 * is none.
 */
export function resolveName<T extends Named>(
  kind: 'zone' | 'workload',
  all: readonly T[],
  name: string,
  isActive: (record: T) => boolean,
): T {
  const found = findByName(all, name);
  const chosen = found.find(isActive) ?? found[0];
  if (chosen !== undefined) return chosen;
  throw nobody(kind, name);
}

function nobody(kind: string, name: string): ConnectError {
  return new ConnectError(`there is no ${kind} named ${JSON.stringify(name)}`, Code.NotFound);
}
