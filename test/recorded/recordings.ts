import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { runCommand } from '../../scripts/stack/run-command.ts';

const aboutSchema = z.object({
  commit: z.string(),
  /** A zone that ran, with a workload that did and one that had ended with 3 after printing `of old`. */
  zone: z.string(),
  running: z.string(),
  completed: z.string(),
  /** An image that is whole. */
  imageDigest: z.string(),
});

/** What the services of an earlier commit left; made by record.ts. */
export interface Recording extends z.infer<typeof aboutSchema> {
  readonly folder: string;
}

export function recordings(): Recording[] {
  return readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const folder = join(import.meta.dirname, name);
      return { folder, ...aboutSchema.parse(JSON.parse(readFileSync(join(folder, 'about.json'), 'utf8'))) };
    });
}

/** Puts the recorded state into `stateDir`. */
export async function unpackState({ folder }: Recording, stateDir: string): Promise<void> {
  await runCommand('tar', ['-xzf', join(folder, 'state.tar.gz'), '-C', stateDir]);
}
