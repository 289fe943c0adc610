import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const getentMs = 5_000;

/** The number of a group of this host, by its name or number; undefined when there is none of that name. */
export async function groupId(group: string, file = '/etc/group'): Promise<number | undefined> {
  if (/^[0-9]{1,9}$/.test(group)) return Number(group);
  // Most often it is there, and no process needs to be started.
  const known = numberOf(group, await readFile(file, 'utf8'));
  if (known !== undefined) return known;
  // Groups may come from a directory service.
  const asked = promisify(execFile)('getent', ['group', '--', group], { timeout: getentMs });
  return numberOf(group, (await asked.catch(() => ({ stdout: '' }))).stdout);
}

function numberOf(group: string, text: string): number | undefined {
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    if (name === group && number !== undefined && /^[0-9]{1,10}$/.test(number)) return Number(number);
  }
  return undefined;
}
