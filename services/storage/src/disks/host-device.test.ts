import { stat } from 'node:fs/promises';
import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { findHostDevice, splitDeviceNumber } from './host-device.ts';
import { parseMounts } from './host-use.ts';

test('host device: large major and minor numbers are taken apart as Linux does', () => {
  expect(splitDeviceNumber(0x0801n)).toEqual({ major: 8, minor: 1 });
  // 259:1048575, as the C library's makedev() writes it.
  expect(splitDeviceNumber(0xfff1_03ffn)).toEqual({ major: 259, minor: 1_048_575 });
});

test('host device: the numbers of a real node agree with the system', async () => {
  const { rdev } = await stat('/dev/null', { bigint: true });
  expect(splitDeviceNumber(rdev)).toEqual({ major: 1, minor: 3 });
});

test('host device: what is no block device is INVALID_ARGUMENT, what is absent NOT_FOUND', async () => {
  await expect(findHostDevice('/dev/null')).rejects.toMatchObject({ code: Code.InvalidArgument });
  await expect(findHostDevice('/dev/absent')).rejects.toMatchObject({ code: Code.NotFound });
});

test('host use: mount points are found by device number', () => {
  const text =
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n23 22 8:17 / /data rw - xfs /dev/sdb1 rw\n';
  expect(parseMounts(text)).toEqual(
    new Map([
      ['8:1', '/'],
      ['8:17', '/data'],
    ]),
  );
});
