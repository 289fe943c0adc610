import { Code, ConnectError } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import { BadRequestSchema } from '@protect/proto/error-details';
import { describe, expect, it } from 'vitest';
import { annotationBytesMax } from '../limits.ts';
import type { WorkloadSpec } from '../state/workload-record.ts';
import { checkWorkloadSpec } from './validate.ts';

const good: WorkloadSpec = {
  name: 'web',
  zoneId: newZoneId(),
  image: { digest: 'sha256:0', format: 'squashfs' },
  process: {
    environment: [{ key: 'A', value: 'b=c' }],
    command: ['sh'],
    workingDirectory: '',
    tty: false,
    stdin: false,
    additionalGids: [],
  },
  annotations: [],
  security: {
    strictUserNamespace: false,
    raiseCapabilities: [],
    raiseAmbientCapabilities: [],
    dropCapabilities: [],
    privileged: false,
    disableAllNamespaces: false,
    disableNamespaces: [],
    readOnlyRootfs: false,
    noNewPrivs: false,
  },
  scratchMounts: [],
  cgroupLimits: [],
  hostname: 'web-1.lan',
};

const process = (more: Partial<WorkloadSpec['process']>) => ({ process: { ...good.process, ...more } });

const security = (more: Partial<WorkloadSpec['security']>) => ({
  security: { ...good.security, ...more },
});

describe('workload specification', () => {
  it('is taken when all of it can be', () => {
    expect(() => checkWorkloadSpec(good)).not.toThrow();
  });

  it.each<[string, Partial<WorkloadSpec>]>([
    ['spec.name', { name: 'a\nb' }],
    ['spec.annotations', { annotations: [{ key: 'k', value: 'x'.repeat(annotationBytesMax) }] }],
    ['spec.process.command[1]', process({ command: ['sh', 'a\0b'] })],
    ['spec.process.environment[0]', process({ environment: [{ key: 'A=B', value: '' }] })],
    ['spec.process.environment[0]', process({ environment: [{ key: '', value: 'secret' }] })],
    ['spec.process.working_directory', process({ workingDirectory: 'srv' })],
    ['spec.hostname', { hostname: 'a b' }],
    ['spec.hostname', { hostname: 'a'.repeat(65) }],
    ['spec.oom_score_adj', { oomScoreAdj: 1001 }],
    ['spec.hostname', security({ disableNamespaces: ['uts'] })],
    ['spec.hostname', security({ disableAllNamespaces: true })],
    ['spec.security.raise_capabilities[1]', security({ raiseCapabilities: ['NET_ADMIN', 'FLY'] })],
    ['spec.security.raise_ambient_capabilities[0]', security({ raiseAmbientCapabilities: [''] })],
    ['spec.security.drop_capabilities[0]', security({ dropCapabilities: ['CAP_'] })],
    ['spec.security.disable_namespaces[1]', security({ disableNamespaces: ['pid', 'mount'] })],
    ['spec.cgroup_limits[0]', { cgroupLimits: [{ name: 'cgroup.procs', value: '1' }] }],
    ['spec.cgroup_limits[0]', { cgroupLimits: [{ name: 'memory.max', value: 'much' }] }],
    ['spec.scratch_mount[0].path', { scratchMounts: ['data'] }],
    ['spec.scratch_mount[0].path', { scratchMounts: ['/data/../etc'] }],
    ['spec.scratch_mount[0].path', { scratchMounts: ['/'] }],
    ['spec.scratch_mount[0].path', { scratchMounts: ['/proc/sys'] }],
    ['spec.scratch_mount[0].path', { scratchMounts: ['/etc/hosts'] }],
    ['spec.scratch_mount[1].path', { scratchMounts: ['/data', '/data'] }],
    ['spec.scratch_mount', { scratchMounts: Array.from({ length: 65 }, (_, index) => `/data/${index}`) }],
  ])('is refused with the name of the field %s', (field, more) => {
    const refused = (() => {
      try {
        checkWorkloadSpec({ ...good, ...more });
      } catch (error) {
        return ConnectError.from(error);
      }
      return undefined;
    })();
    expect(refused?.code).toBe(Code.InvalidArgument);
    const [details] = refused?.findDetails(BadRequestSchema) ?? [];
    expect(details?.fieldViolations.map((violation) => violation.field)).toEqual([field]);
    expect(refused?.rawMessage).not.toContain('secret');
  });
});
