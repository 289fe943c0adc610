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
];
