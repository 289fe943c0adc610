import { expect, test } from 'vitest';
import { readBackends, withoutPasswords } from './debug-info.ts';

test('the back ends of all devices are told with their nodes, without passwords', async () => {
  const values: Readonly<Record<string, string>> = {
    '/local/domain/0/backend/vbd/3/51712/state': '4',
    '/local/domain/0/backend/vbd/3/51712/physical-device': '7:1',
    '/local/domain/0/backend/vfb/3/0/vncpasswd': 'secret',
    '/local/domain/0/backend/vfb/3/0/state': '1',
  };
  const store = {
    read: async (path: string) => values[path],
    list: async (path: string) => {
      const below = Object.keys(values).filter((key) => key.startsWith(`${path}/`));
      return [...new Set(below.map((key) => key.slice(path.length + 1).split('/')[0] ?? ''))];
    },
  };
  expect(await readBackends(store, new AbortController().signal)).toEqual({
    devices: [
      { kind: 'vbd', domid: 3, device: '51712', nodes: { state: '4', 'physical-device': '7:1' } },
      { kind: 'vfb', domid: 3, device: '0', nodes: { state: '1' } },
    ],
    devicesLeftOut: 0,
  });
});

test('configurations are told without passwords', () => {
  const domain = { config: { b_info: { vnc: { passwd: 'secret', enable: true } } }, domid: 3 };
  expect(withoutPasswords([domain])).toEqual([{ config: { b_info: { vnc: { enable: true } } }, domid: 3 }]);
});
