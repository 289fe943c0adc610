/** A value as SQLite keeps it. */
export type Value = string | number | bigint | Uint8Array | null;

export type Row = Record<string, Value>;

export interface Statement {
  readonly sql: string;
  readonly params: readonly Value[];
  /** Rolls the whole transaction back when another number of rows changed. */
  readonly expectChanges?: number;
}

/** What the daemon's state asks of its database; `@protect/service/database` is the one in use. */
export interface Database {
  read(sql: string, ...params: Value[]): Promise<readonly Row[]>;
  /** Settles when committed and on disk; nothing is stored when it rejects. */
  transaction(statements: readonly Statement[]): Promise<unknown>;
}
