import { isAbsolute } from 'node:path';
import { parseZoneId, type ZoneId } from '@protect/config/ids';
import { invalid } from '../errors.ts';
import { scratchSerial } from '../zone-record.ts';

const kibibyte = 1024n;
/** Smaller ones hold no ext4 worth the name. */
const minScratchBytes = 1024n * kibibyte;
/** Largest ext4 with 4 KiB blocks. */
const maxScratchBytes = 16n * kibibyte ** 4n;
/** ext4's block; the disk ends at the end of one. */
const scratchUnitBytes = 4n * kibibyte;

/** All of these throw INVALID_ARGUMENT, naming the value and what is allowed. */
export function decodeZoneId(text: string): ZoneId {
  const zoneId = parseZoneId(text);
  if (zoneId === undefined) throw invalid(`zone_id ${JSON.stringify(text)} is not a UUID in lower case`);
  return zoneId;
}

export function decodeGeneration(generation: bigint): bigint {
  if (generation < 1n) throw invalid('generation must be 1 or more');
  return generation;
}

/** The hypervisor never runs as root. */
export function decodeUid(uid: number): number {
  if (uid < 1 || uid >= 2 ** 32 - 1) throw invalid(`uid ${uid} is not that of an unprivileged user`);
  return uid;
}

export function decodeSerial(serial: string): string {
  if (!/^[a-z0-9-]{1,20}$/.test(serial)) {
    throw invalid(`serial ${JSON.stringify(serial)} must be 1 to 20 characters of a-z, 0-9 and -`);
  }
  if (serial === scratchSerial) {
    throw invalid(`serial ${serial} belongs to the scratch disk, which lives as long as its zone`);
  }
  return serial;
}

export function decodePath(field: string, path: string): string {
  if (!isAbsolute(path) || path.includes('\0')) {
    throw invalid(`${field} ${JSON.stringify(path)} must be an absolute path`);
  }
  return path;
}

export function decodeDeviceName(field: string, name: string): string {
  if (name === '') throw invalid(`${field} must name an entry of [block.devices]`);
  return name;
}

export function decodeScratchBytes(bytes: bigint): bigint {
  if (bytes < minScratchBytes || bytes > maxScratchBytes || bytes % scratchUnitBytes !== 0n) {
    throw invalid(
      `scratch_image_bytes ${bytes} must be a multiple of ${scratchUnitBytes} from ${minScratchBytes} to ${maxScratchBytes}`,
    );
  }
  return bytes;
}
