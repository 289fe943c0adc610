import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { type Check, findAll } from '../src/doctor/check.ts';
import type { Host, ToolResult } from '../src/doctor/host.ts';

export interface FakeHostOptions {
  /** Texts by path; a path that ends in a slash is a folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Programs on the search path. */
  readonly programs?: readonly string[];
  /** What runs of programs give, by the whole command line; others cannot be started. */
  readonly runs?: Readonly<Record<string, Partial<ToolResult>>>;
  readonly isRoot?: boolean;
  readonly freeGib?: number;
  readonly daemonVersion?: string;
}

/** A host made of a folder; disposing of it removes it. */
export async function fakeHost(options: FakeHostOptions = {}): Promise<Host & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'protect-doctor-'));
  const put = async (path: string, text: string) => {
    const target = join(root, path);
    await mkdir(path.endsWith('/') ? target : dirname(target), { recursive: true });
    if (!path.endsWith('/')) await writeFile(target, text);
  };
  for (const [path, text] of Object.entries(options.files ?? {})) await put(path, text);
  for (const program of options.programs ?? []) {
    await put(`/usr/bin/${program}`, '');
    await chmod(join(root, 'usr/bin', program), 0o755);
  }
  return {
    root,
    state: '/var/lib/edera/protect',
    isRoot: options.isRoot ?? true,
    freeBytes: async () => (options.freeGib ?? 100) * 2 ** 30,
    async run(file, args) {
      const found = options.runs?.[[file, ...args].join(' ').replaceAll(root, '')];
      return found && { exitCode: 0, stdout: '', stderr: '', ...found };
    },
    async daemonVersion() {
      if (options.daemonVersion === undefined) throw new Error('no daemon');
      return options.daemonVersion;
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Each finding of a check as `status name: detail`. */
export async function findings(check: Check, options: FakeHostOptions = {}): Promise<string[]> {
  await using host = await fakeHost(options);
  const found = await findAll([check], host);
  for (const { status, remedy = '' } of found) {
    // Whatever is not well says what to do.
    expect(remedy === '').toBe(status === 'ok');
  }
  return found.map(({ status, name, detail }) => `${status} ${name}: ${detail}`.replaceAll(host.root, ''));
}
