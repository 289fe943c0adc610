import type { ZoneId } from '@protect/config/ids';
import type { Database } from '@protect/service/database';
import { groupCommits } from '@protect/service/group-commits';
import type { Configuration, DiskRecord, ZoneRecord } from '../zone-record.ts';
import { diskSourceText, readConfigurationRow, readDiskRow, readZoneRow, scratchSourceText } from './rows.ts';

/**
 * The records of this service. Reads come from memory; every change settles once it is on disk, and is
 * seen by readers only then.
 */
export interface ZoneStore {
  configuration(): Configuration | undefined;
  zone(zoneId: ZoneId): ZoneRecord | undefined;
  zones(): ZoneRecord[];
  saveConfiguration(configuration: Configuration): Promise<void>;
  /** Replaces the zone and forgets the disks it had. */
  putZone(zone: Omit<ZoneRecord, 'disks'>): Promise<void>;
  putDisk(zoneId: ZoneId, disk: DiskRecord): Promise<void>;
  removeDisk(zoneId: ZoneId, serial: string): Promise<void>;
  removeZone(zoneId: ZoneId): Promise<void>;
}

/** Reads all records of `database`. */
export async function openZoneStore(database: Database): Promise<ZoneStore> {
  const commit = groupCommits(database);
  const zones = new Map<ZoneId, ZoneRecord & { readonly disks: Map<string, DiskRecord> }>();
  for (const row of await database.read('SELECT * FROM zones')) {
    const zone = readZoneRow(row);
    zones.set(zone.zoneId, { ...zone, disks: new Map() });
  }
  for (const row of await database.read('SELECT * FROM disks')) {
    const { zoneId, disk } = readDiskRow(row);
    zones.get(zoneId)?.disks.set(disk.serial, disk);
  }
  let configuration = (await database.read('SELECT * FROM configuration')).map(readConfigurationRow)[0];

  return {
    configuration: () => configuration,
    zone: (zoneId) => zones.get(zoneId),
    zones: () => [...zones.values()],
    async saveConfiguration(next) {
      await commit([
        {
          sql: 'INSERT OR REPLACE INTO configuration (id, revision, block_devices) VALUES (1, ?, ?)',
          params: [String(next.revision), JSON.stringify(Object.fromEntries(next.blockDevices))],
        },
      ]);
      configuration = next;
    },
    async putZone(zone) {
      await commit([
        { sql: 'DELETE FROM disks WHERE zone_id = ?', params: [zone.zoneId] },
        {
          sql: 'INSERT OR REPLACE INTO zones (zone_id, generation, uid, scratch, scratch_device) VALUES (?, ?, ?, ?, ?)',
          params: [
            zone.zoneId,
            String(zone.generation),
            zone.uid,
            scratchSourceText(zone.scratch),
            zone.scratchDevice ?? null,
          ],
        },
      ]);
      zones.set(zone.zoneId, { ...zone, disks: new Map() });
    },
    async putDisk(zoneId, disk) {
      await commit([
        {
          sql: 'INSERT OR REPLACE INTO disks (zone_id, serial, read_only, source, device) VALUES (?, ?, ?, ?, ?)',
          params: [
            zoneId,
            disk.serial,
            disk.readOnly ? 1 : 0,
            diskSourceText(disk.source),
            disk.device ?? null,
          ],
        },
      ]);
      zones.get(zoneId)?.disks.set(disk.serial, disk);
    },
    async removeDisk(zoneId, serial) {
      await commit([{ sql: 'DELETE FROM disks WHERE zone_id = ? AND serial = ?', params: [zoneId, serial] }]);
      zones.get(zoneId)?.disks.delete(serial);
    },
    async removeZone(zoneId) {
      await commit([
        { sql: 'DELETE FROM disks WHERE zone_id = ?', params: [zoneId] },
        { sql: 'DELETE FROM zones WHERE zone_id = ?', params: [zoneId] },
      ]);
      zones.delete(zoneId);
    },
  };
}
