/** The database's history; each entry takes it one version forward, none is ever changed. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE configuration (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision TEXT NOT NULL,
    block_devices TEXT NOT NULL
  ) STRICT;
  CREATE TABLE zones (
    zone_id TEXT PRIMARY KEY,
    generation TEXT NOT NULL,
    uid INTEGER NOT NULL,
    scratch TEXT,
    scratch_device TEXT
  ) STRICT;
  CREATE TABLE disks (
    zone_id TEXT NOT NULL REFERENCES zones (zone_id) ON DELETE CASCADE,
    serial TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    source TEXT NOT NULL,
    device TEXT,
    PRIMARY KEY (zone_id, serial)
  ) STRICT;
  `,
];
