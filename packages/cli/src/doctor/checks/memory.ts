import type { Check } from '../check.ts';
import { failed, ok, warning } from '../finding.ts';
import { readText } from '../host.ts';

const name = 'memory';
const leastMib = 1024;
const comfortableMib = 4096;

/** Enough for the services and a zone of the usual size. */
export const memory: Check = {
  name,
  async find(host) {
    const text = (await readText(host, '/proc/meminfo')) ?? '';
    const totalMib = mib(text, 'MemTotal');
    const freeMib = mib(text, 'MemAvailable');
    const detail = `${totalMib} MiB, of which ${freeMib} MiB are available`;
    if (totalMib < leastMib) return [failed(name, detail, `give this host at least ${comfortableMib} MiB`)];
    if (totalMib < comfortableMib) {
      return [warning(name, detail, `give this host ${comfortableMib} MiB or more to run several zones`)];
    }
    if (freeMib < leastMib) {
      return [warning(name, detail, 'end what needs it; a zone takes 1024 MiB unless told otherwise')];
    }
    return [ok(name, detail)];
  },
};

function mib(text: string, field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (kib === undefined) throw new Error(`/proc/meminfo has no ${field}`);
  return Math.floor(Number(kib) / 1024);
}
