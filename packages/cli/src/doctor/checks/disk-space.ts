import type { Check } from '../check.ts';
import { failed, ok, warning } from '../finding.ts';
import { at, nearestExisting } from '../host.ts';

const name = 'disk space';
const gib = 2 ** 30;
const leastGib = 2;
const comfortableGib = 20;

/** Room for images, scratch disks and logs. */
export const diskSpace: Check = {
  name,
  async find(host) {
    const folder = await nearestExisting(host, host.state);
    const freeGib = (await host.freeBytes(at(host, folder))) / gib;
    const detail = `${freeGib.toFixed(1)} GiB free for ${host.state}`;
    const remedy = `make room: images and scratch disks want ${comfortableGib} GiB`;
    if (freeGib < leastGib) return [failed(name, detail, remedy)];
    return [freeGib < comfortableGib ? warning(name, detail, remedy) : ok(name, detail)];
  },
};
