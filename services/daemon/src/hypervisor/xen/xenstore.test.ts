import { expect, it } from 'vitest';
import { parseTree } from './xenstore.ts';

it('reads what xenstore-ls -f prints', () => {
  const text = `/local/domain/3/protect/disks = ""
/local/domain/3/protect/disks/51712 = "scratch"
/local/domain/3/protect/disks/51728 = "a "quoted" one"
`;
  expect([...parseTree(text)]).toEqual([
    ['/local/domain/3/protect/disks', ''],
    ['/local/domain/3/protect/disks/51712', 'scratch'],
    ['/local/domain/3/protect/disks/51728', 'a "quoted" one'],
  ]);
  expect(parseTree('').size).toBe(0);
});
