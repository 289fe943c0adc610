import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@protect/proto/error-details';
import { describe, expect, it } from 'vitest';
import type { ZoneSpec } from '../state/zone-record.ts';
import { askedZoneSpec } from './test-zone.ts';
import { completeZoneSpec } from './validate.ts';

const qemu = { name: 'qemu', virtualizationBackends: ['qemu'] } as const;
const host = { cpus: 2, defaultMemoryMib: 1024, hypervisor: qemu };

function refusal(spec: ZoneSpec): ConnectError {
  try {
    completeZoneSpec(spec, host);
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error('the specification was taken');
}

const asking = (virtualization: ZoneSpec['virtualization']) => ({ ...askedZoneSpec(), virtualization });

function resources(more: Partial<ZoneSpec['resources']>): ZoneSpec {
  const spec = askedZoneSpec();
  return { ...spec, resources: { ...spec.resources, ...more } };
}

describe('zone specification', () => {
  it('takes the virtualization backends that the hypervisor has, and names them when it refuses', () => {
    const xen = { ...host, hypervisor: { name: 'xen', virtualizationBackends: ['pv'] } } as const;
    for (const kind of ['unknown', 'automatic'] as const) completeZoneSpec(asking(kind), host);
    expect(completeZoneSpec(asking('pv'), xen).virtualization).toBe('pv');
    expect(() => completeZoneSpec(asking('pvh'), xen)).toThrow(/xen, has no .* pvh; it has pv and auto/);
    const refused = refusal(asking('pv'));
    expect(refused.code).toBe(Code.FailedPrecondition);
    expect(refused.rawMessage).toMatch(/pv and pvh need a host that runs Xen/);
  });

  it('gives a zone that asks for nothing min(4, the host) CPUs and the configured memory', () => {
    expect(completeZoneSpec(askedZoneSpec(), host).resources).toMatchObject({
      maxCpus: 2,
      targetCpus: 2,
      maxMemoryMib: 1024,
      targetMemoryMib: 1024,
    });
    expect(completeZoneSpec(askedZoneSpec(), { ...host, cpus: 64 }).resources.maxCpus).toBe(4);
  });

  it.each<[string, ZoneSpec, RegExp]>([
    ['more CPUs than the host has', resources({ maxCpus: 3 }), /max-cpus is 3, but this host has 2 CPUs/],
    ['too little memory', resources({ maxMemoryMib: 32 }), /32 MiB .* 64 MiB is the least/],
    [
      'a target above the maximum',
      resources({ maxMemoryMib: 128, targetMemoryMib: 256 }),
      /target-memory 256 MiB is more than max-memory 128 MiB/,
    ],
    ['a control character in the name', askedZoneSpec({ name: 'a\nb' }), /control characters/],
    ['a name of 254 bytes', askedZoneSpec({ name: 'é'.repeat(127) }), /254 bytes; at most 253/],
    ['a tiny scratch disk', askedZoneSpec({ scratch: { kind: 'image', sizeMib: 1 } }), /16 MiB is the least/],
  ])('refuses %s with INVALID_ARGUMENT', (_title, spec, message) => {
    const error = refusal(spec);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toMatch(message);
  });

  it('names every field that cannot be at once, by its path', () => {
    const spec = {
      ...resources({ maxCpus: 3, maxMemoryMib: 128, targetMemoryMib: 256 }),
      name: 'a\nb',
      annotations: Array.from({ length: 257 }, () => ({ key: 'k', value: 'v' })),
      scratch: { kind: 'image', sizeMib: 1 } as const,
      kernelOptions: { ...askedZoneSpec().kernelOptions, modules: ['loop', 'no module'], cmdline: ['a\0'] },
    };
    const [details] = refusal(spec).findDetails(BadRequestSchema);
    expect(details?.fieldViolations.map(({ field }) => field)).toEqual([
      'spec.name',
      'spec.annotations',
      'spec.kernel_options.cmdline',
      'spec.kernel_options.modules[1]',
      'spec.initial_resources.max_cpus',
      'spec.initial_resources.target_memory',
      'spec.scratch_disk.image.size',
    ]);
    for (const { description } of details?.fieldViolations ?? []) {
      expect(refusal(spec).rawMessage).toContain(description);
    }
  });
});
