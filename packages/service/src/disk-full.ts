/** How deep causes are followed. */
const maxDepth = 8;

/** Whether the host, a database or a tool run for us had no room left; looks through the chain of causes. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < maxDepth; at = at.cause, depth += 1) {
    if ('code' in at && (at.code === 'ENOSPC' || at.code === 'EDQUOT' || at.code === 'EMLINK')) return true;
    if (/no space left on device|disk quota exceeded|database or disk is full/i.test(at.message)) return true;
  }
  return false;
}
