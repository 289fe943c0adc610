import { expect, it } from 'vitest';
import { parseXenHost } from './host.ts';

it('reads what xl info prints', () => {
  const text = `host                   : dom0
nr_cpus                : 4
cores_per_socket       : 1
total_memory           : 4095
free_memory            : 1876
xen_commandline        : placeholder dom0_mem=2048M free_memory : 1
`;
  expect(parseXenHost(text)).toEqual({ totalMib: 4095, availableMib: 1876, cpus: 4 });
  expect(() => parseXenHost('')).toThrow('total_memory');
});
