import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { z } from 'zod';
import { logTail } from '../stack/log-file.ts';
import { isAlive } from '../stack/process-id.ts';
import { shellWords } from './shell-words.ts';

const processId = z.object({ pid: z.number(), startTime: z.string() });

/** How another process reaches a Dom0 that `bootDom0` booted; written as JSON. */
export const dom0RecordSchema = z.object({
  /** The QEMU that Xen and Dom0 run in. */
  qemu: processId,
  /** Configuration of ssh, in which Dom0 is the host `dom0`. */
  sshConfig: z.string(),
  /** What Xen and Dom0's kernel printed. */
  serialLog: z.string(),
});

export type Dom0Record = z.infer<typeof dom0RecordSchema>;

export interface ExecOptions {
  /** Given on standard input, which otherwise is empty. */
  readonly input?: string | Uint8Array;
  /** Default two minutes: all is slow in emulation. */
  readonly timeoutMs?: number;
  /** The command has a terminal there; its output and errors then come together, in stdout. */
  readonly tty?: boolean;
  readonly signal?: AbortSignal;
}

/** How a command in Dom0 ended. 255 may also be ssh's own failure, which stderr then tells of. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running Dom0. Commands are argument lists, and are run by root with PATH as in a login. */
export interface Dom0Connection {
  readonly record: Dom0Record;
  /** Runs a command to its end. Throws when Dom0 has died, the time is over or the signal aborts. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** The same for callers that need success: gives stdout; the error shows what the command complained of. */
  output(argv: readonly string[], options?: ExecOptions): Promise<string>;
  /** Starts a command with pipes. It ends with its standard input closed or its process killed. */
  spawn(argv: readonly string[], options?: { readonly tty?: boolean }): ChildProcess & SpawnedPipes;
  /** What to read after a failure: Dom0's journal, Xen's console, its domains, the serial log. */
  diagnose(): Promise<string>;
}

interface SpawnedPipes {
  readonly stdin: NonNullable<ChildProcess['stdin']>;
  readonly stdout: NonNullable<ChildProcess['stdout']>;
  readonly stderr: NonNullable<ChildProcess['stderr']>;
}

const maxOutputBytes = 64 * 1024 * 1024;
const serialLogLines = 40;

/** The Dom0 whose record is in this file (in `PROTECT_DOM0` under `npm run test:xen`). */
export function connectDom0(recordPath: string): Dom0Connection {
  return dom0Connection(dom0RecordSchema.parse(JSON.parse(readFileSync(recordPath, 'utf8'))));
}

export function dom0Connection(record: Dom0Record): Dom0Connection {
  const exec = async (argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> => {
    const result = await execa('ssh', sshArguments(record, argv, options.tty), {
      reject: false,
      stripFinalNewline: false,
      timeout: options.timeoutMs ?? 120_000,
      maxBuffer: maxOutputBytes,
      ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
      ...(options.signal ? { cancelSignal: options.signal } : {}),
    });
    options.signal?.throwIfAborted();
    if (!isAlive(record.qemu)) throw dom0Died(record);
    if (result.exitCode === undefined) {
      throw new Error(`${argv.join(' ')} in Dom0: ${result.shortMessage}`, { cause: result });
    }
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    record,
    exec,
    async output(argv, options) {
      const { exitCode, stdout, stderr } = await exec(argv, options);
      if (exitCode !== 0) {
        throw new Error(
          `${argv.join(' ')} in Dom0 ended with ${exitCode}: ${stderr.trim() || stdout.trim()}`,
        );
      }
      return stdout;
    },
    spawn: (argv, options = {}) => spawn('ssh', sshArguments(record, argv, options.tty), { stdio: 'pipe' }),
    diagnose: () => diagnose(record, exec),
  };
}

/** Arguments of ssh for one command in Dom0, or for a shell when there is none. */
export function sshArguments(record: Dom0Record, argv: readonly string[], tty = false): readonly string[] {
  return [
    '-F',
    record.sshConfig,
    tty ? '-tt' : '-T',
    'dom0',
    ...(argv.length > 0 ? ['--', shellWords(argv)] : []),
  ];
}

export function dom0Died(record: Dom0Record): Error {
  return new Error(
    `Dom0's QEMU has ended. End of what Xen and Dom0 printed:\n${logTail(record.serialLog, serialLogLines)}`,
  );
}

async function diagnose(record: Dom0Record, exec: Dom0Connection['exec']): Promise<string> {
  const commands = {
    "Dom0's domains": ['xl', 'list', '--long'],
    "Xen's console": ['xl', 'dmesg'],
    "Dom0's units": ['systemctl', '--no-pager', '--failed'],
    "Dom0's journal": ['journalctl', '--no-pager', '--boot', '--output=short-precise', '--lines=150'],
  };
  const parts: string[] = [];
  for (const [title, argv] of Object.entries(commands)) {
    const text = await exec(argv, { timeoutMs: 30_000 })
      .then(({ stdout, stderr }) => `${stdout}${stderr}`)
      .catch((error: unknown) => String(error));
    parts.push(`${title}:\n${text.trimEnd()}`);
  }
  parts.push(`Serial console:\n${logTail(record.serialLog, serialLogLines)}`);
  return parts.join('\n\n');
}
