import { PassThrough, Readable } from 'node:stream';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { ControlService } from '@protect/proto/control';
import { endCallsOn } from '../src/interrupt.ts';
import { run, type Surroundings } from '../src/run.ts';
import type { FakeDaemon } from './fake-daemon.ts';

export interface ProtectRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Standard input, at its end afterwards. */
  readonly input?: string;
  /** Makes output and input a terminal of this size. */
  readonly terminal?: { readonly rows: number; readonly columns: number };
  readonly env?: Readonly<Record<string, string>>;
  /** Where the daemon is said to be. */
  readonly socketPath?: string;
  /** Aborted where the user would press Ctrl-C. */
  readonly interrupted?: AbortSignal;
}

/** Runs one command line in this process against a fake daemon. */
export function runProtect(
  daemon: Pick<FakeDaemon, 'routes'>,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProtectRun> {
  const connection = {
    path: options.socketPath ?? '/fake/daemon.socket',
    open: (interrupted: AbortSignal) =>
      createClient(
        ControlService,
        createRouterTransport(daemon.routes, { transport: { interceptors: [endCallsOn(interrupted)] } }),
      ),
  };
  return runCommandLine(args, connection, options);
}

/** Runs one command line in this process. */
export async function runCommandLine(
  args: readonly string[],
  connection: ReturnType<Surroundings['connection']>,
  options: RunOptions = {},
): Promise<ProtectRun> {
  const { terminal } = options;
  const tty = terminal === undefined ? {} : { isTTY: true, ...terminal };
  const stdout = Object.assign(new PassThrough(), tty);
  const stderr = Object.assign(new PassThrough(), tty);
  const out = collected(stdout);
  const err = collected(stderr);
  const stdin = Object.assign(
    Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
    terminal === undefined ? {} : { isTTY: true, setRawMode: () => undefined },
  );
  const exitCode = await run(args, {
    stdin,
    stdout,
    stderr,
    env: options.env ?? {},
    connection: () => connection,
    interrupted: options.interrupted ?? new AbortController().signal,
  });
  stdout.end();
  stderr.end();
  return { exitCode, stdout: await out, stderr: await err };
}

async function collected(stream: PassThrough): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}
