import { create } from '@bufbuild/protobuf';
import {
  WorkloadSchema,
  WorkloadState,
  ZoneNetworkIpVersion,
  ZoneSchema,
  ZoneState,
} from '@protect/proto/control-common';
import { describe, expect, test } from 'vitest';
import { parseSelector, selectAll } from './selector.ts';

const zone = create(ZoneSchema, {
  id: 'a',
  spec: {
    name: 'web',
    annotations: [
      { key: 'team', value: 'blue=1' },
      { key: 'tier', value: 'front' },
    ],
  },
  status: {
    state: ZoneState.FAILED,
    domid: 7,
    networkStatus: {
      interfaces: [
        { zoneInterface: 'eth0', ips: [{ version: ZoneNetworkIpVersion.V4, address: '10.75.0.5/32' }] },
      ],
    },
  },
});

describe('a selector', () => {
  test.each([
    ['status.state=failed', true],
    ['status.state=FAILED', true],
    ['status.state=ZONE_STATE_FAILED', true],
    ['status.state=ready', false],
    ['spec.name=web', true],
    ['spec.name=we', false],
    ['id=a', true],
    ['status.domid=7', true],
    ['spec.annotations.value=blue=1', true],
    ['spec.annotations.1.key=tier', true],
    ['spec.annotations.0.key=tier', false],
    ['status.network_status.interfaces.ips.address=10.75.0.5/32', true],
    ['status.networkStatus.interfaces.0.ips.0.version=v4', true],
    ['spec.kernel.digest=', true],
    ['spec.kernel.digest=sha256:ab', false],
  ])('%s is %s of the zone', (text, expected) => {
    expect(parseSelector(ZoneSchema, text)(zone)).toBe(expected);
  });

  test('matches the value that an unset enum has', () => {
    expect(parseSelector(ZoneSchema, 'status.state=unknown')(create(ZoneSchema, { status: {} }))).toBe(true);
    const running = create(WorkloadSchema, { status: { state: WorkloadState.RUNNING } });
    expect(parseSelector(WorkloadSchema, 'status.state=running')(running)).toBe(true);
  });

  test('names the field that is wrong and one that was meant', () => {
    expect(() => parseSelector(ZoneSchema, 'status.stat=failed')).toThrow(
      '--selector status.stat=failed: a zone has no "stat" there; did you mean state?',
    );
    expect(() => parseSelector(ZoneSchema, 'id.x=1')).toThrow('there is nothing below it');
    expect(() => parseSelector(ZoneSchema, 'failed')).toThrow('write it as path=value');
  });

  test('agrees with others on both', () => {
    const both = selectAll([
      parseSelector(ZoneSchema, 'spec.name=web'),
      parseSelector(ZoneSchema, 'status.state=failed'),
    ]);
    expect(both(zone)).toBe(true);
    expect(selectAll([])(zone)).toBe(true);
    expect(selectAll([both, parseSelector(ZoneSchema, 'id=b')])(zone)).toBe(false);
  });
});
