import type { Database, Statement } from './database.ts';

/** Statements that may wait while a commit is on its way; further ones fail rather than pile up. */
const waitingLimit = 10_000;

/** Settles when the statements are on disk. */
export type Commit = (statements: readonly Statement[]) => Promise<void>;

/**
 * Commits one transaction at a time and puts all that arrives meanwhile into the next one, since a commit
 * waits for the disk: forty changes at once cost two commits, not forty. A transaction that fails fails
 * every caller that is part of it, so this is for statements that only fail when the disk does.
 */
export function groupCommits(database: Pick<Database, 'transaction'>): Commit {
  let last: Promise<void> = Promise.resolve();
  let next: { readonly statements: Statement[]; readonly committed: Promise<void> } | undefined;

  function openGroup() {
    const statements: Statement[] = [];
    const committed = last.then(async () => {
      next = undefined;
      await database.transaction(statements);
    });
    last = committed.catch(() => {});
    next = { statements, committed };
    return next;
  }

  return async (statements) => {
    const group = next ?? openGroup();
    if (group.statements.length + statements.length > waitingLimit) {
      throw new Error(`more than ${waitingLimit} statements wait for the database; the disk is too slow`);
    }
    group.statements.push(...statements);
    await group.committed;
  };
}
