import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { file_protect_control_v1_control, ZoneConsoleRequestSchema } from '@protect/proto/control';
import { file_protect_control_v1_common, ZoneState } from '@protect/proto/control-common';
import { file_runtime_v1_api } from '@protect/proto/cri';
import { describe, expect, it } from 'vitest';
import { describeFiles, readTable } from './table.ts';

describe('protect.control.v1', () => {
  it('has every row of the published table and not one more', () => {
    const ours = describeFiles([file_protect_control_v1_common, file_protect_control_v1_control]);
    expect(ours).toEqual(readTable('control-v1.tsv'));
  });

  it('keeps bytes as bytes and flags as flags on the wire', () => {
    const request = create(ZoneConsoleRequestSchema, { zoneId: 'z', data: new Uint8Array([1]) });
    const bytes = toBinary(ZoneConsoleRequestSchema, request);
    expect([...bytes]).toEqual([0x0a, 1, 0x7a, 0x12, 1, 1]);
    expect(fromBinary(ZoneConsoleRequestSchema, bytes)).toEqual(request);
    expect(ZoneState.READY).toBe(3);
  });
});

describe('runtime.v1', () => {
  it('has every row of the published table and not one more', () => {
    expect(describeFiles([file_runtime_v1_api])).toEqual(readTable('cri-v1.tsv'));
  });
});
