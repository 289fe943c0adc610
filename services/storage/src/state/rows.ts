import { parseZoneId, type ZoneId } from '@protect/config/ids';
import { z } from 'zod';
import type { Configuration, DiskRecord, DiskSource, ScratchSource, ZoneRecord } from '../zone-record.ts';

const whole = z.string().regex(/^\d+$/).transform(BigInt);
const zoneId = z.string().transform((text, context): ZoneId => {
  const id = parseZoneId(text);
  if (id === undefined) {
    context.addIssue(`${text} is no zone id`);
    return z.NEVER;
  }
  return id;
});

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue('is no JSON');
    return z.NEVER;
  }
});

const named = z.object({ kind: z.literal('named'), name: z.string() });
const diskSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('image'), path: z.string() }),
  z.object({ kind: z.literal('device'), path: z.string() }),
  named,
]);
const scratchSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file'), sizeBytes: whole }),
  named,
]);
const optionalText = z
  .string()
  .nullable()
  .transform((text) => text ?? undefined);

const zoneRow = z.object({
  zone_id: zoneId,
  generation: whole,
  uid: z.coerce.number().int(),
  scratch: json.pipe(scratchSource).nullable(),
  scratch_device: optionalText,
});

const diskRow = z.object({
  zone_id: zoneId,
  serial: z.string(),
  read_only: z.coerce.number().int(),
  source: json.pipe(diskSource),
  device: optionalText,
});

const configurationRow = z.object({
  revision: whole,
  block_devices: json.pipe(z.record(z.string(), z.string())),
});

/** The zone in a row of `zones`, without its disks. */
export function readZoneRow(row: unknown): Omit<ZoneRecord, 'disks'> {
  const zone = zoneRow.parse(row);
  return {
    zoneId: zone.zone_id,
    generation: zone.generation,
    uid: zone.uid,
    scratch: zone.scratch ?? undefined,
    scratchDevice: zone.scratch_device,
  };
}

/** The disk in a row of `disks`, and the zone it belongs to. */
export function readDiskRow(row: unknown): { zoneId: ZoneId; disk: DiskRecord } {
  const disk = diskRow.parse(row);
  return {
    zoneId: disk.zone_id,
    disk: {
      serial: disk.serial,
      readOnly: disk.read_only !== 0,
      source: disk.source,
      device: disk.device,
    },
  };
}

export function readConfigurationRow(row: unknown): Configuration {
  const configuration = configurationRow.parse(row);
  return {
    revision: configuration.revision,
    blockDevices: new Map(Object.entries(configuration.block_devices)),
  };
}

/** The text that `readDiskRow` takes apart again. */
export function diskSourceText(source: DiskSource): string {
  return JSON.stringify(source);
}

/** The text that `readZoneRow` takes apart again. */
export function scratchSourceText(source: ScratchSource | undefined): string | null {
  if (source === undefined) return null;
  return JSON.stringify(source.kind === 'file' ? { ...source, sizeBytes: `${source.sizeBytes}` } : source);
}
