import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  inboxOwner,
  parseAuditSubject,
  parseEventSubject,
  parseFrameSubject,
  parseIdmSubject,
  parsePresenceSubject,
  parseRpcSubject,
} from './subjects.ts';

const kinds: Readonly<Record<string, (subject: string) => unknown>> = {
  event: (subject) => {
    const event = parseEventSubject(subject);
    return event && `${event.kind} event`;
  },
  audit: parseAuditSubject,
  idm: parseIdmSubject,
  presence: parsePresenceSubject,
  rpc: parseRpcSubject,
  stream: parseFrameSubject,
  inbox: inboxOwner,
};

test('docs/subjects.md has a sample of every subject, and samples of nothing else', async () => {
  const text = await readFile(new URL('../../../docs/subjects.md', import.meta.url), 'utf8');
  const found = new Set<string>();
  for (const [, block = ''] of text.matchAll(/^```\n(.*?)^```$/gms)) {
    const [subject = '', ...rest] = block.split('\n');
    if (!/^(protect\.|_INBOX|\$SRV)\S+$/.test(subject)) continue;
    const kind = Object.keys(kinds).find((name) => kinds[name]?.(subject) !== undefined);
    expect([subject, subject.startsWith('$SRV.') ? 'micro' : kind]).not.toContain(undefined);
    found.add(kind ?? 'micro');
    // A body that looks like JSON is JSON.
    const body = rest.filter((line) => line.startsWith('{'));
    for (const line of body) expect(() => JSON.parse(line)).not.toThrow();
  }
  expect([...found].toSorted()).toEqual([...Object.keys(kinds), 'micro'].toSorted());
});
