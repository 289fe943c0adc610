import { create } from '@bufbuild/protobuf';
import { type Disk, DiskSchema } from '@protect/proto/storage';
import type { ProvidedDisk } from '../zone-record.ts';

export function encodeDisk(disk: ProvidedDisk): Disk {
  return create(DiskSchema, { ...disk });
}
