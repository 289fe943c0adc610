import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseZoneId } from '@protect/config/ids';

/** Where the zones' control groups are: the unified hierarchy's, and the old ones'. */
export const cgroupRoots: readonly string[] = ['', 'unified', 'memory', 'pids', 'cpu'].map((controller) =>
  join('/sys/fs/cgroup', controller, 'protect-zones'),
);

/** Removes the control groups of the zones that have a folder in `zonesDir`; their processes have ended. */
export function removeZoneCgroups(zonesDir: string): void {
  for (const name of namesIn(zonesDir)) {
    if (!parseZoneId(name)) continue;
    for (const root of cgroupRoots) removeEmpty(join(root, name));
  }
  for (const root of cgroupRoots) removeEmpty(root);
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Absent, or in use by a zone of somebody else's.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
