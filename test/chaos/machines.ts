import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseZoneId } from '@protect/config/ids';
import { identifyProcess, type ProcessId } from '../../scripts/stack/process-id.ts';

/** A hypervisor process of the host. */
export interface Machine {
  readonly zoneId: string;
  readonly process: ProcessId;
}

/** The hypervisor processes that were started in a zone's folder below `zonesFolder`. */
export function machinesOf(zonesFolder: string): Machine[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const folder = readlinkSync(join('/proc', name, 'cwd'));
      const [program] = readFileSync(join('/proc', name, 'cmdline'), 'utf8').split('\0', 1);
      if (!folder.startsWith(`${zonesFolder}/`) || !program?.includes('qemu-system')) return [];
      const zoneId = parseZoneId(folder.slice(zonesFolder.length + 1).split('/', 1)[0] ?? '');
      const process = identifyProcess(Number(name));
      return zoneId === undefined || process === undefined ? [] : [{ zoneId, process }];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}
