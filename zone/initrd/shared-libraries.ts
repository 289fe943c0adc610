import { run } from '../run.ts';

/** The dynamic loader of x86-64, at the path that every executable names. */
const loader = '/lib64/ld-linux-x86-64.so.2';

/** Absolute paths of the libraries that an executable needs, its loader among them. */
export async function sharedLibraries(executable: string): Promise<string[]> {
  const listed = await run(loader, ['--list', executable]);
  const missing = /^\s*(\S+) => not found$/m.exec(listed)?.[1];
  if (missing !== undefined) throw new Error(`${executable} needs ${missing}, which is not installed`);
  const paths = [...listed.matchAll(/(\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []);
  return [...new Set([loader, ...paths])].sort();
}
