/** The only PATH that tools are looked up on. */
export const toolPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const defaultOutputLimitBytes = 4 * 1024 * 1024;
const stderrTailBytes = 600;

export interface RunToolOptions {
  readonly signal?: AbortSignal;
  /** The tool is killed when it takes longer. */
  readonly timeoutMs: number;
  /** Its standard input; without it, there is none. */
  readonly input?: string | Uint8Array;
  /** A tool that prints more is killed. */
  readonly maxOutputBytes?: number;
  /** Its whole environment besides PATH; nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface ToolResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** A host tool did not do its work; the message names the tool, how it ended and what it said. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly tool: string;
  /** Absent when it was killed or never started. */
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(tool: string, exitCode: number | undefined, stderr: string, message: string, cause: unknown) {
    super(message, { cause });
    this.tool = tool;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** Runs a host tool to its end, without a shell. Throws ToolError, or the signal's reason when cancelled. */
export async function runTool(
  file: string,
  args: readonly string[],
  options: RunToolOptions,
): Promise<ToolResult> {
  options.signal?.throwIfAborted();
  // A service that runs no tool does not load what runs them.
  const { execa } = await import('execa');
  const result = await execa(file, args, {
    env: { PATH: toolPath, LC_ALL: 'C.UTF-8', ...options.env },
    extendEnv: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    timeout: options.timeoutMs,
    maxBuffer: options.maxOutputBytes ?? defaultOutputLimitBytes,
    reject: false,
    stripFinalNewline: false,
  });
  if (!result.failed) return { stdout: result.stdout, stderr: result.stderr };
  options.signal?.throwIfAborted();
  const stderr = typeof result.stderr === 'string' ? result.stderr : '';
  const tail = stderr.trim().slice(-stderrTailBytes);
  const end = result.timedOut
    ? `took longer than ${options.timeoutMs} ms`
    : result.isMaxBuffer
      ? 'printed too much'
      : result.exitCode !== undefined
        ? `ended with ${result.exitCode}`
        : result.signal !== undefined
          ? `was killed by ${result.signal}`
          : `did not start (${result.code ?? 'unknown reason'}); is its Debian package installed?`;
  throw new ToolError(
    file,
    result.exitCode,
    stderr,
    `${file} ${args[0] ?? ''} ${end}${tail === '' ? '' : `: ${tail}`}`,
    result.cause,
  );
}
