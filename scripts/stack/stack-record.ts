import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const processId = z.object({ pid: z.int().positive(), startTime: z.string() });

const stackRecord = z.object({
  netns: z.string(),
  /** Who took the stack up, and takes it down unless `keep` is set. */
  owner: processId,
  keep: z.boolean(),
  /** In the order of their start. */
  processes: z.array(z.object({ name: z.string(), id: processId })),
});

/** What a later run must know to take this one down, whatever became of it. */
export type StackRecord = z.infer<typeof stackRecord>;

export function readStackRecord(stateDir: string): StackRecord | undefined {
  const path = recordPath(stateDir);
  if (!existsSync(path)) return undefined;
  const parsed = stackRecord.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success)
    throw new Error(
      `${path} is damaged; end the processes of this state folder by hand and remove the folder`,
    );
  return parsed.data;
}

export function writeStackRecord(stateDir: string, record: StackRecord): void {
  const path = recordPath(stateDir);
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removeStackRecord(stateDir: string): void {
  rmSync(recordPath(stateDir), { force: true });
}

function recordPath(stateDir: string): string {
  return join(stateDir, 'stack.json');
}
