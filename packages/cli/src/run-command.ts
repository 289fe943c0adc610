import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ExecuteZoneCommandRequestSchema } from '@protect/proto/control';
import type { IdOrName } from './arguments.ts';
import type { Cli } from './cli.ts';
import { CommandError } from './command-error.ts';
import { forwardInput } from './forward-input.ts';
import { createRequestQueue } from './request-queue.ts';
import { onResize, terminalSize, withRawInput } from './terminal.ts';
import { write } from './write.ts';

/** A command for a zone, or for a workload in it. */
export interface RemoteCommand {
  readonly target: { readonly zoneId: string } | { readonly workloadId: string };
  readonly command: readonly string[];
  readonly environment: readonly { readonly key: string; readonly value: string }[];
  readonly workingDirectory: string | undefined;
  /** Who it runs as instead of the target's own user. */
  readonly user?: { readonly user: IdOrName; readonly group?: IdOrName } | undefined;
  readonly tty: boolean;
}

/** Runs a command with our input and output as its own, and gives its exit code. */
export function runCommand(cli: Cli, remote: RemoteCommand): Promise<number> {
  return remote.tty ? withRawInput(cli, () => run(cli, remote)) : run(cli, remote);
}

async function run(cli: Cli, remote: RemoteCommand): Promise<number> {
  const size = remote.tty ? terminalSize(cli) : undefined;
  const queue = createRequestQueue<MessageInitShape<typeof ExecuteZoneCommandRequestSchema>>({
    request: {
      case: 'start',
      value: {
        ...remote.target,
        process: {
          command: [...remote.command],
          environment: withTerm(cli, remote),
          workingDirectory: remote.workingDirectory ?? '',
          ...remote.user,
          tty: remote.tty,
          ...(size === undefined ? {} : { terminalSize: size }),
          stdin: true,
          stdout: true,
          stderr: true,
        },
      },
    },
  });
  const ended = new AbortController();
  const stopResizing = remote.tty
    ? onResize(cli, (changed) => {
        void queue.push({ request: { case: 'terminalResize', value: { size: changed } } });
      })
    : () => {};
  const input = forwardInput(cli.stdin, { detachable: false, signal: ended.signal }, (stdin) =>
    queue.push({ request: { case: 'stdin', value: { stdin } } }),
  ).then(() => queue.push({ request: { case: 'stdin', value: { closed: true } } }));
  // Input that cannot be read is the same as its end to the command.
  input.catch(() => queue.end());
  try {
    for await (const { reply } of cli.control.executeZoneCommand(queue.messages)) {
      if (reply.case === 'exited') return reply.value.exitCode;
      if (reply.case !== 'output') continue;
      if (reply.value.stdout.length > 0) await write(cli.stdout, reply.value.stdout);
      if (reply.value.stderr.length > 0) await write(cli.stderr, reply.value.stderr);
    }
  } finally {
    stopResizing();
    queue.end();
    ended.abort();
  }
  throw new CommandError('the connection ended before the command did; its exit code is not known');
}

/** Programs on a terminal need to know what it understands. */
function withTerm(cli: Cli, remote: RemoteCommand): { key: string; value: string }[] {
  const given = remote.environment.map(({ key, value }) => ({ key, value }));
  const { TERM } = cli.env;
  const wanted = remote.tty && TERM !== undefined && !given.some(({ key }) => key === 'TERM');
  return wanted ? [...given, { key: 'TERM', value: TERM }] : given;
}
