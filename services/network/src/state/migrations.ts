/** The database's history; each entry takes it one version forward, none is ever changed. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE configuration (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision TEXT NOT NULL,
    ipv4_subnet TEXT NOT NULL,
    ipv6_subnet TEXT NOT NULL,
    nameservers TEXT NOT NULL
  ) STRICT;
  CREATE TABLE reservations (
    zone_id TEXT PRIMARY KEY,
    generation TEXT NOT NULL,
    uid INTEGER NOT NULL,
    ipv4 TEXT NOT NULL UNIQUE,
    ipv4_prefix_length INTEGER NOT NULL,
    ipv6 TEXT NOT NULL UNIQUE,
    ipv6_prefix_length INTEGER NOT NULL,
    mac TEXT NOT NULL UNIQUE
  ) STRICT;
  `,
  "ALTER TABLE reservations ADD COLUMN kind TEXT NOT NULL DEFAULT 'tap' CHECK (kind IN ('tap', 'vif'))",
  `
  CREATE TABLE standing_reservations (
    id TEXT PRIMARY KEY,
    kept INTEGER NOT NULL CHECK (kept IN (0, 1)),
    ipv4 TEXT NOT NULL UNIQUE,
    ipv4_prefix_length INTEGER NOT NULL,
    ipv6 TEXT NOT NULL UNIQUE,
    ipv6_prefix_length INTEGER NOT NULL,
    mac TEXT NOT NULL UNIQUE,
    zone_id TEXT UNIQUE,
    generation TEXT,
    uid INTEGER,
    kind TEXT CHECK (kind IN ('tap', 'vif')),
    CHECK (zone_id IS NOT NULL OR kept = 1),
    CHECK ((zone_id IS NULL) = (generation IS NULL AND uid IS NULL AND kind IS NULL))
  ) STRICT;
  INSERT INTO standing_reservations
    SELECT zone_id, 0, ipv4, ipv4_prefix_length, ipv6, ipv6_prefix_length, mac, zone_id, generation, uid, kind
    FROM reservations;
  DROP TABLE reservations;
  ALTER TABLE standing_reservations RENAME TO reservations;
  `,
];
