import { existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { netnsName } from './netns.ts';
import { runCommand } from './run-command.ts';
import { mountsBelow } from './state-residue.ts';

/** Permission of all others to pass through a folder. */
const searchByOthers = 0o001;

/** Where a state folder is mounted for the zones’ users when they cannot reach it itself. */
export function detourPath(stateDir: string): string {
  return join('/run', `${netnsName(stateDir)}.state`);
}

/**
 * The path by which the zones' hypervisors, which run under uids of their own, reach the state folder: its own, or
 * a bind mount of it below /run when it lies in somebody's private folder (a clone in /root, say).
 */
export async function reachableState(stateDir: string): Promise<string> {
  const folder = resolve(stateDir);
  if (ancestors(folder).every((path) => statSync(path).mode & searchByOthers)) return folder;
  const detour = detourPath(folder);
  await removeDetour(folder);
  mkdirSync(detour, { mode: 0o711 });
  await runCommand('mount', ['--bind', folder, detour]);
  return detour;
}

/** Undoes `reachableState`; nothing to undo is no error. */
export async function removeDetour(stateDir: string): Promise<void> {
  const detour = detourPath(stateDir);
  if (!existsSync(detour)) return;
  for (const path of [...mountsBelow(detour), ...mountsBelow('/run').filter((path) => path === detour)]) {
    await runCommand('umount', ['--lazy', path]);
  }
  rmdirSync(detour);
}

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestors(parent)];
}
