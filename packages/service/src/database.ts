import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { DatabaseReply, DatabaseRequest } from './database-worker.ts';
import { ConfigurationError, toError } from './errors.ts';

/** A value as SQLite keeps it. */
export type Value = string | number | bigint | Uint8Array | null;

export type Row = Record<string, Value>;

export interface Statement {
  readonly sql: string;
  readonly params: readonly Value[];
  /** Rolls the whole transaction back when another number of rows changed. */
  readonly expectChanges?: number;
}

/** A statement changed another number of rows than it promised; nothing was stored. */
export class UnexpectedChanges extends Error {
  override readonly name = 'UnexpectedChanges';
}

/** One service's SQLite file, kept in a worker thread: a commit waits for the disk, the service does not. */
export interface Database {
  read(sql: string, ...params: Value[]): Promise<Row[]>;
  /** Settles when committed and on disk, with each statement's rows; nothing is stored when it rejects. */
  transaction(statements: readonly Statement[]): Promise<Row[][]>;
  /** Finishes what was asked before; idempotent. */
  close(): Promise<void>;
}

/** Requests on their way to the worker; further ones are refused rather than piled up. */
const pendingLimit = 20_000;

export interface DatabaseOptions {
  readonly logger: Pick<Logger, 'info' | 'error'>;
  /**
   * A damaged file gets another name, `<path>.damaged-<time>`, and an empty database takes its place; for who can
   * do without. Otherwise it is an error, and the file stays as it is.
   */
  readonly putAsideDamaged?: boolean;
}

/**
 * Opens, and when needed creates (0600, folder 0700) or migrates, a database. `migrations[n]` takes it from
 * version n to n + 1; the file as it was is kept beside it as `<path>.v<n>`. Throws ConfigurationError when
 * the file is of a newer release.
 */
export async function openDatabase(
  path: string,
  migrations: readonly string[],
  { logger, putAsideDamaged = false }: DatabaseOptions,
): Promise<Database> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const worker = new Worker(new URL('./database-worker.ts', import.meta.url), {
    workerData: { path, migrations, putAsideDamaged },
  });
  const pending = new Map<number, PromiseWithResolvers<DatabaseReply>>();
  let nextId = 1;
  let ended: Error | undefined;
  let closing: Promise<void> | undefined;
  const exited = once(worker, 'exit');
  exited.catch(() => {});

  const end = (error: Error) => {
    ended ??= error;
    for (const waiting of pending.values()) waiting.reject(ended);
    pending.clear();
  };
  worker.on('error', (thrown) => {
    const error = toError(thrown);
    logger.error({ err: error, database: path }, 'the database thread failed');
    end(new Error(`the database ${path} failed: ${error.message}`, { cause: error }));
  });
  worker.on('exit', () => end(new Error(`the database ${path} is closed`)));
  worker.on('message', (reply: DatabaseReply) => {
    const waiting = pending.get(reply.id);
    pending.delete(reply.id);
    waiting?.resolve(reply);
    if (pending.size === 0) worker.unref();
  });

  async function call(request: DatabaseRequest): Promise<Row[][]> {
    if (ended !== undefined) throw ended;
    if (pending.size >= pendingLimit) {
      throw new Error(`more than ${pendingLimit} requests wait for ${path}; the disk is too slow`);
    }
    const id = nextId++;
    const waiting = Promise.withResolvers<DatabaseReply>();
    pending.set(id, waiting);
    worker.ref();
    worker.postMessage({ id, request });
    const reply = await waiting.promise;
    switch (reply.kind) {
      case 'rows':
        return reply.rows;
      case 'unexpected-changes':
        throw new UnexpectedChanges(reply.message);
      case 'newer-schema':
        throw new ConfigurationError(reply.message);
      case 'failed':
        throw new Error(`${path}: ${reply.message}`);
    }
  }

  try {
    const migrated = await call({ kind: 'open' });
    const { from, aside, damage } = migrated[0]?.[0] ?? {};
    if (aside !== undefined) {
      const text = `the database ${path} is damaged and was put aside as ${aside}; an empty one takes its place`;
      logger.error({ database: path, aside, damage }, text);
    } else if (from !== undefined && from !== migrations.length) {
      logger.info({ database: path, from, to: migrations.length }, 'database migrated');
    }
    await chmod(path, 0o600);
  } catch (error) {
    await worker.terminate();
    throw error;
  }

  return {
    async read(sql, ...params) {
      const [rows] = await call({ kind: 'read', sql, params });
      return rows ?? [];
    },
    transaction: (statements) => call({ kind: 'transaction', statements: [...statements] }),
    close() {
      closing ??= (async () => {
        if (ended === undefined) await call({ kind: 'close' }).catch(() => {});
        ended ??= new Error(`the database ${path} is closed`);
        worker.ref();
        await exited;
      })();
      return closing;
    },
  };
}
