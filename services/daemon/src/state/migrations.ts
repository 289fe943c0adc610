/** The daemon's schema, one entry for each version. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE zones (id TEXT PRIMARY KEY, slot INTEGER NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
  CREATE TABLE workloads (
    id TEXT PRIMARY KEY,
    zone_id TEXT NOT NULL REFERENCES zones (id),
    record TEXT NOT NULL
  ) STRICT;
  CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    state TEXT NOT NULL,
    event TEXT NOT NULL
  ) STRICT;
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  `,
];
