import { Code, ConnectError } from '@connectrpc/connect';
import { runTool, ToolError } from '@protect/service/run-tool';

/** Characters of xl's own words that go into an error. */
const wordsMax = 400;

/** What xl, libxl and xc put before their words: who speaks, source, function, domain. */
const speaker = /^(?:lib)?x[a-z_]*: error: (?:panic: )?(?:\S+\.c:\d+: ?)?(?:\w+: ?)?(?:Domain \d+:)?\s*/;

/** xl tells these although nothing is wrong. */
const remarks = /^(?:Parsing config|(?:lib)?x[a-z_]*: (?:warning|info|detail)|got a tsc mode)/;

const meanings: readonly (readonly [RegExp, Code])[] = [
  [
    /out of memory|not enough memory|cannot allocate|could not allocate|failed to (?:free|allocate) mem|no memory/i,
    Code.ResourceExhausted,
  ],
  [/invalid domain identifier|domain does not exist|no such domain/i, Code.NotFound],
  [
    /no loader found|not an ELF|could not open|no such file|failed to open|is not a block device/i,
    Code.FailedPrecondition,
  ],
  [
    /failed to connect to xen|cannot (?:init|connect)|obtain handle|xenstore(?:d)? (?:daemon|not)/i,
    Code.FailedPrecondition,
  ],
];

/** What xl is asked to do. */
export interface XlCall {
  /** Begins the error: "zone … cannot be paused". */
  readonly failure: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Runs xl and gives its output. Throws a ConnectError with xl's own words. */
export async function runXl(xl: string, args: readonly string[], call: XlCall): Promise<string> {
  const { failure, timeoutMs, signal } = call;
  try {
    const { stdout } = await runTool(xl, args, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
    return stdout;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw xlError(failure, error.stderr === '' ? error.message : error.stderr, error);
  }
}

/** An error with the code that xl's words call for. */
export function xlError(failure: string, stderr: string, cause?: unknown): ConnectError {
  const words = xlWords(stderr);
  const code = meanings.find(([pattern]) => pattern.test(stderr))?.[1] ?? Code.Internal;
  return new ConnectError(`${failure}: ${words}`, code, undefined, undefined, cause);
}

/** The first complaint, which is the cause; those that follow come from it. */
function xlWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !remarks.test(line));
  const first = lines.find((line) => speaker.test(line)) ?? lines[0] ?? 'xl gave no reason';
  return first
    .replace(speaker, '')
    .replace(/: Internal error$/, '')
    .trim()
    .slice(0, wordsMax);
}
