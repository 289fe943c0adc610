import { create } from '@bufbuild/protobuf';
import {
  ControlService,
  CreateWorkloadReplySchema,
  CreateWorkloadRequestSchema,
  DialNetworkSocketRequestSchema,
  ExecuteZoneCommandRequestSchema,
  PullImageRequestSchema,
  ResolveZoneIdRequestSchema,
  WorkloadConsoleRequestSchema,
} from '@protect/proto/control';
import { describe, expect, it } from 'vitest';
import { objectOfReply, objectOfRequest } from './call-object.ts';

const { method } = ControlService;
const digest = `sha256:${'0'.repeat(64)}`;

describe('what a call is about', () => {
  it('is the zone, the name and the image of a workload, and never its environment', () => {
    const request = create(CreateWorkloadRequestSchema, {
      spec: {
        zoneId: 'z',
        name: 'web',
        image: { digest },
        process: { environment: [{ key: 'TOKEN', value: 'secret' }], command: ['secret'] },
        annotations: [{ key: 'a', value: 'secret' }],
      },
    });
    expect(objectOfRequest(method.createWorkload, request)).toEqual({
      zone: 'z',
      name: 'web',
      image: digest,
    });
    const reply = create(CreateWorkloadReplySchema, { workloadId: 'w' });
    expect(objectOfReply(method.createWorkload, reply)).toEqual({ workload: 'w' });
  });

  it('is in the first message of a stream', () => {
    const start = create(ExecuteZoneCommandRequestSchema, {
      request: {
        case: 'start',
        value: { zoneId: 'z', workloadId: 'w', process: { command: ['login', 'secret'] } },
      },
    });
    expect(objectOfRequest(method.executeZoneCommand, start)).toEqual({ zone: 'z', workload: 'w' });
    const stdin = create(ExecuteZoneCommandRequestSchema, {
      request: { case: 'stdin', value: { stdin: Buffer.from('secret') } },
    });
    expect(objectOfRequest(method.executeZoneCommand, stdin)).toEqual({});
    const typed = create(WorkloadConsoleRequestSchema, { workloadId: 'w', stdin: Buffer.from('secret') });
    expect(objectOfRequest(method.attachWorkloadConsole, typed)).toEqual({ workload: 'w' });
    const dial = create(DialNetworkSocketRequestSchema, {
      request: { case: 'start', value: { zoneId: 'z', address: '127.0.0.1', port: 80 } },
    });
    expect(objectOfRequest(method.dialNetworkSocket, dial)).toEqual({ zone: 'z', target: '127.0.0.1' });
  });

  it.each([
    ['docker.io/library/busybox:1.36', 'docker.io/library/busybox:1.36'],
    [`registry.lan:5000/a/b@${digest}`, `registry.lan:5000/a/b@${digest}`],
    ['oci:/srv/images/web', 'oci:/srv/images/web'],
    ['https://alice:secret@registry.lan/a', '[35 bytes]'],
    ['alice:secret@registry.lan/a', '[27 bytes]'],
  ])('shows the image %s as %s, without credentials', (image, shown) => {
    const request = create(PullImageRequestSchema, {
      image,
      auth: { authenticationMethod: { case: 'registryToken', value: 'secret' } },
    });
    expect(objectOfRequest(method.pullImage, request)).toEqual({ image: shown });
  });

  it('is bounded, and on one line', () => {
    const request = create(ResolveZoneIdRequestSchema, { name: `a\nb\u2028${'x'.repeat(1000)}` });
    const { name = '' } = objectOfRequest(method.resolveZoneId, request);
    expect(name).toHaveLength(256);
    expect(name).toMatch(/^a\u{FFFD}b\u{FFFD}x+…$/u);
  });
});
