import { readFileSync } from 'node:fs';
import type { ServiceName } from '@protect/config/paths';
import { logEnd } from '../../scripts/stack/log-file.ts';
import type { TestStack } from '../system/stack.ts';

const names: readonly (ServiceName | 'nats-server')[] = [
  'daemon',
  'storage',
  'network',
  'orchestrator',
  'cri',
  'nats-server',
];

/** Of each service; a service that fails in a loop says thousands. */
const maxLines = 80;

/** Where the services' logs end now. */
export type JournalMark = ReadonlyMap<string, number>;

export function markJournal({ paths }: TestStack): JournalMark {
  return new Map(names.map((name) => [name, logEnd(paths.log(name))]));
}

/** What the services have logged since, without the records of calls. */
export function journalSince({ paths }: TestStack, mark: JournalMark): string {
  return names
    .map((name) => {
      const lines = readFileSync(paths.log(name))
        .subarray(mark.get(name) ?? 0)
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.includes('"msg":"audit"'));
      const left = lines.length > maxLines ? [`… ${lines.length - maxLines} lines more`] : [];
      return [`== ${name}`, ...left, ...lines.slice(-maxLines)].join('\n');
    })
    .join('\n');
}
