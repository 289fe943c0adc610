import { runTool, ToolError } from '@protect/service/run-tool';
import type { XenTools } from './dom0.ts';

/** xenstored answers at once or not at all. */
const timeoutMs = 10_000;

/** The part of xenstore that the driver needs, through its own tools. */
export interface Xenstore {
  /** The value at `path`; undefined when there is none. */
  read(path: string, signal?: AbortSignal): Promise<string | undefined>;
  write(values: readonly (readonly [path: string, value: string])[], signal?: AbortSignal): Promise<void>;
  /** Everything below `path`, by path; empty when there is nothing. */
  tree(path: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Removes `path`, what is below it, and folders that are empty then; an absent path is no error. */
  remove(path: string, signal?: AbortSignal): Promise<void>;
}

export function createXenstore(
  tools: Pick<XenTools, 'xenstoreRead' | 'xenstoreWrite' | 'xenstoreLs' | 'xenstoreRm'>,
): Xenstore {
  async function run(
    file: string,
    args: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { stdout } = await runTool(file, args, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
    return stdout;
  }

  return {
    async read(path, signal) {
      const text = await run(tools.xenstoreRead, [path], signal).catch(undefinedWhenAbsent);
      return text?.replace(/\n$/, '');
    },
    async write(values, signal) {
      await run(tools.xenstoreWrite, values.flat(), signal);
    },
    async tree(path, signal) {
      const text = await run(tools.xenstoreLs, ['-f', path], signal).catch(undefinedWhenAbsent);
      return parseTree(text ?? '');
    },
    async remove(path, signal) {
      await run(tools.xenstoreRm, ['-t', path], signal).catch(undefinedWhenAbsent);
    },
  };
}

/** Takes the output of `xenstore-ls -f` apart: a path and its quoted value on each line. */
export function parseTree(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, path, value] = /^(\S+) = "(.*)"$/.exec(line) ?? [];
    if (path !== undefined && value !== undefined) values.set(path, value);
  }
  return values;
}

function undefinedWhenAbsent(error: unknown): undefined {
  // The tools say it in different ways; that xenstored is away, they say in others.
  if (error instanceof ToolError && /couldn't read|could not remove|no such file/i.test(error.message))
    return;
  throw error;
}
