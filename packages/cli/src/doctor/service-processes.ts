import { readdir, readFile, stat } from 'node:fs/promises';
import { defaultStateDir, type ServiceName } from '@protect/config/paths';
import { at, type Host } from './host.ts';
import { services } from './services.ts';

/** Process ids of the services that run on the host's state folder, as far as /proc shows them. */
export async function serviceProcesses(host: Host): Promise<ReadonlyMap<ServiceName, number>> {
  const found = new Map<ServiceName, number>();
  const wanted = await identity(at(host, host.state));
  for (const entry of await readdir(at(host, '/proc'))) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const words = await commandLine(at(host, `/proc/${entry}/cmdline`));
    const service = services.find((name) => words.some((word) => isProgram(word, name)));
    if (service === undefined) continue;
    const flag = words.indexOf('--state');
    const state = (flag < 0 ? undefined : words[flag + 1]) ?? defaultStateDir;
    // One folder may be reached by several paths.
    const same =
      state === host.state || (wanted !== undefined && (await identity(at(host, state))) === wanted);
    if (same) found.set(service, Number(entry));
  }
  return found;
}

function isProgram(word: string, service: ServiceName): boolean {
  return word.endsWith(`/services/${service}/src/main.ts`) || word.endsWith(`/protect-${service}`);
}

async function commandLine(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\0').slice(0, -1);
}

async function identity(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}
