import { readFile } from 'node:fs/promises';

/** The number of a group of this host, by its name or number; undefined when there is none of that name. */
export async function groupId(group: string, file = '/etc/group'): Promise<number | undefined> {
  if (/^[0-9]{1,9}$/.test(group)) return Number(group);
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    const [name, , number] = line.split(':');
    if (name === group && number !== undefined && /^[0-9]{1,10}$/.test(number)) return Number(number);
  }
  return undefined;
}
