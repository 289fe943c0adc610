import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { identifyProcess, killProcess, type ProcessId } from './process-id.ts';
import { runCommand } from './run-command.ts';

/** The network namespace that belongs to a state folder: the same folder gives the same name. */
export function netnsName(stateDir: string): string {
  return `protect-${createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 8)}`;
}

/** Makes the namespace with its loopback up. Fails when it exists. */
export async function addNetns(name: string): Promise<void> {
  await runCommand('ip', ['netns', 'add', name]);
  await runCommand('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
}

/** Ends every process in the namespace, then removes it with all links. Absent is no error. */
export async function removeNetns(name: string): Promise<void> {
  if (!existsSync(`/run/netns/${name}`)) return;
  for (const process of await netnsProcesses(name)) await killProcess(process);
  await runCommand('ip', ['netns', 'delete', name]);
}

/** The processes whose network is this namespace: the zones' hypervisors and the network's own. */
export async function netnsProcesses(name: string): Promise<ProcessId[]> {
  if (!existsSync(`/run/netns/${name}`)) return [];
  const listed = await runCommand('ip', ['netns', 'pids', name]);
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => identifyProcess(Number(line)) ?? []);
}
