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
