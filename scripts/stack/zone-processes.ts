import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ProcessId } from './process-id.ts';

const recordSchema = z.object({ pid: z.number().int().positive(), startTime: z.string() });

/** The hypervisor processes that the folders of zones tell of; one without a link is in no namespace of ours. */
export function zoneProcesses(zonesFolder: string): ProcessId[] {
  if (!existsSync(zonesFolder)) return [];
  return readdirSync(zonesFolder).flatMap((zone) => {
    const path = join(zonesFolder, zone, 'control/domain.json');
    try {
      return [recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))];
    } catch {
      // No machine, or none that is a process.
      return [];
    }
  });
}
