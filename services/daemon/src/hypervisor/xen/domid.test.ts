import { newZoneId } from '@protect/config/ids';
import { expect, test } from 'vitest';
import { domidOf } from './domid.ts';
import { vmNode } from './nodes.ts';

const zoneId = newZoneId();

function storeOf(values: Record<string, string>, domains: readonly string[]) {
  return {
    list: async () => [...domains],
    read: async (path: string) => values[path],
  };
}

test('a zone’s domain is the one that leads to its UUID', async () => {
  const values = {
    [vmNode(0)]: '/vm/dom0',
    [vmNode(3)]: `/vm/${newZoneId()}`,
    [vmNode(17)]: `/vm/${zoneId}`,
  };
  expect(await domidOf(zoneId, storeOf(values, ['0', '3', '17']))).toBe(17);
});

test('a domain that has left xenstore is not found', async () => {
  expect(await domidOf(zoneId, storeOf({}, []))).toBeUndefined();
  expect(await domidOf(zoneId, storeOf({ [vmNode(4)]: '/vm/other' }, ['4', '5']))).toBeUndefined();
});

test('what is not the number of a guest is not looked at', async () => {
  const values = { [vmNode(0)]: `/vm/${zoneId}` };
  expect(await domidOf(zoneId, storeOf(values, ['0', 'x', '123456', '']))).toBeUndefined();
});
