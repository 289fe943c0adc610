import type { Check } from '../check.ts';
import { failed, ok } from '../finding.ts';
import { findProgram, isDom0, readText } from '../host.ts';

const name = 'hypervisor';
const qemu = 'qemu-system-x86_64';
const firmware = '/usr/share/seabios/bios-256k.bin';

/** Something to run zones with: Xen where this is its Dom0, else QEMU. */
export const hypervisor: Check = {
  name,
  async find(host, signal) {
    if (await isDom0(host)) {
      const parts = ['major', 'minor'].map((part) => readText(host, `/sys/hypervisor/version/${part}`));
      const version = (await Promise.all(parts)).map((part) => part?.trim() ?? '?').join('.');
      return [ok(name, `Xen ${version}, of which this is Dom0`)];
    }
    const path = await findProgram(host, qemu);
    if (path === undefined) {
      return [failed(name, `neither Xen nor ${qemu}`, 'apt-get install qemu-system-x86 seabios')];
    }
    const result = await host.run(path, ['--version'], signal);
    const version = /version ([0-9.]+)/.exec(result?.stdout ?? '')?.[1];
    if (version === undefined) {
      const said = result?.stderr.split('\n')[0] ?? 'it does not start';
      return [failed(name, `${path} does not work: ${said}`, 'apt-get install --reinstall qemu-system-x86')];
    }
    if ((await readText(host, firmware)) === undefined) {
      return [failed(name, `QEMU ${version} without ${firmware}`, 'apt-get install seabios')];
    }
    return [ok(name, `QEMU ${version}`)];
  },
};
