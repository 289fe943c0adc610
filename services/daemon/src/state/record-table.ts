import type { Statement } from '@protect/service/database';

interface Stored<Id> {
  readonly id: Id;
  /** Counts the changes that were stored. */
  readonly revision: number;
  readonly status: { readonly state: string };
}

/** How one kind of record is stored. */
export interface TableStatements<R> {
  insert(record: R): Statement;
  update(record: R): Statement;
  remove(record: R): Statement;
  /** The event row that goes with a change of state, or with a record that was `recovered` from elsewhere. */
  event(record: R, recovered?: boolean): Statement;
}

interface TableDeps<R> {
  /** Whether a change is worth an event although the state is the same. */
  readonly noteworthy?: (before: R, after: R) => boolean;
  readonly statements: TableStatements<R>;
  readonly commit: (statements: readonly Statement[]) => Promise<unknown>;
  /** Called after each commit, in the order of the commits of one record. */
  readonly changed: (record: R) => void;
  readonly initial: readonly R[];
}

/**
 * All records of one kind, in memory and in the database. Reads are immediate and show what is
 * committed; changes of one record are made one after the other.
 */
export class RecordTable<Id extends string, R extends Stored<Id>> {
  readonly #deps: TableDeps<R>;
  readonly #records = new Map<Id, R>();
  readonly #tails = new Map<Id, Promise<unknown>>();

  constructor(deps: TableDeps<R>) {
    this.#deps = deps;
    for (const record of deps.initial) this.#records.set(record.id, record);
  }

  get(id: Id): R | undefined {
    return this.#records.get(id);
  }

  all(): R[] {
    return [...this.#records.values()];
  }

  get size(): number {
    return this.#records.size;
  }

  /** Stores a new record and its first event. */
  async insert(record: R): Promise<void> {
    await this.#serial(record.id, async () => {
      const { statements, commit, changed } = this.#deps;
      await commit([statements.insert(record), statements.event(record)]);
      this.#records.set(record.id, record);
      changed(record);
    });
  }

  /**
   * Stores what `next` makes of the record, with an event when its state is another or the change is noteworthy. `next` returns the
   * record it was given to leave all as it is. Undefined when there is no such record.
   */
  async update(id: Id, next: (current: R) => R): Promise<R | undefined> {
    return await this.#serial(id, async () => {
      const current = this.#records.get(id);
      if (current === undefined) return undefined;
      const changed = next(current);
      if (changed === current) return current;
      const record = { ...changed, revision: current.revision + 1 };
      const { statements, commit, changed: tell } = this.#deps;
      const moved =
        record.status.state !== current.status.state || this.#deps.noteworthy?.(current, record) === true;
      await commit([statements.update(record), ...(moved ? [statements.event(record)] : [])]);
      this.#records.set(id, record);
      tell(record);
      return record;
    });
  }

  /** Stores a record as it was found elsewhere, over an older one or anew, with an event. */
  async restore(record: R): Promise<void> {
    await this.#serial(record.id, async () => {
      const { statements, commit, changed } = this.#deps;
      const store = this.#records.has(record.id) ? statements.update(record) : statements.insert(record);
      await commit([store, statements.event(record, true)]);
      this.#records.set(record.id, record);
      changed(record);
    });
  }

  /** Forgets the record; absent ones are no error. */
  async remove(id: Id): Promise<void> {
    await this.#serial(id, async () => {
      const record = this.#records.get(id);
      if (record === undefined) return;
      await this.#deps.commit([this.#deps.statements.remove(record)]);
      this.#records.delete(id);
    });
  }

  async #serial<T>(id: Id, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(id) ?? Promise.resolve();
    const result = before.then(work);
    const tail = result.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(id, tail);
    try {
      return await result;
    } finally {
      if (this.#tails.get(id) === tail) this.#tails.delete(id);
    }
  }
}
