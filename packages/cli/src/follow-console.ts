import type { MessageInitShape } from '@bufbuild/protobuf';
import type { WorkloadConsoleRequestSchema, ZoneConsoleRequestSchema } from '@protect/proto/control';
import type { Cli } from './cli.ts';
import { forwardInput } from './forward-input.ts';
import { createHistoryEnd } from './history-end.ts';
import { createRequestQueue } from './request-queue.ts';
import { onResize, terminalSize, withRawInput } from './terminal.ts';
import { write } from './write.ts';

/** How watching a console ended: by itself, or by the user with Ctrl-]. */
export type ConsoleEnd = 'ended' | 'detached';

/** Prints a zone's console from its beginning; without `follow` only what there is now. */
export async function printZoneLog(cli: Cli, zoneId: string, follow: boolean): Promise<void> {
  const history = createHistoryEnd();
  const queue = createRequestQueue<MessageInitShape<typeof ZoneConsoleRequestSchema>>({
    zoneId,
    replayHistory: true,
  });
  const options = follow ? {} : history.options;
  try {
    for await (const { data } of cli.control.attachZoneConsole(queue.messages, options)) {
      await write(cli.stdout, data);
      history.received();
    }
  } catch (error) {
    if (follow || !history.options.signal.aborted) throw error;
  } finally {
    history.close();
    queue.end();
  }
}

/** Prints a workload's output from its beginning; without `follow` only what there is now. */
export async function printWorkloadLog(cli: Cli, workloadId: string, follow: boolean): Promise<void> {
  const history = createHistoryEnd();
  const queue = createRequestQueue<MessageInitShape<typeof WorkloadConsoleRequestSchema>>({ workloadId });
  const options = follow ? {} : history.options;
  try {
    for await (const reply of cli.control.attachWorkloadConsole(queue.messages, options)) {
      await writeBoth(cli, reply);
      history.received();
    }
  } catch (error) {
    if (follow || !history.options.signal.aborted) throw error;
  } finally {
    history.close();
    queue.end();
  }
}

/** Connects our terminal with a zone's console until the zone ends or the user detaches. */
export function attachZone(cli: Cli, zoneId: string, replayHistory: boolean): Promise<ConsoleEnd> {
  return withRawInput(cli, async () => {
    const queue = createRequestQueue<MessageInitShape<typeof ZoneConsoleRequestSchema>>({
      zoneId,
      replayHistory,
    });
    return attached(cli, {
      replies: (signal) => cli.control.attachZoneConsole(queue.messages, { signal }),
      print: ({ data }) => write(cli.stdout, data),
      send: (data) => queue.push({ data }),
      inputEnded: async () => {},
      close: () => queue.end(),
    });
  });
}

/** Connects our input and output with a workload's until it ends or the user detaches. */
export async function attachWorkload(cli: Cli, workloadId: string, tty: boolean): Promise<ConsoleEnd> {
  const size = tty ? terminalSize(cli) : undefined;
  const queue = createRequestQueue<MessageInitShape<typeof WorkloadConsoleRequestSchema>>({
    workloadId,
    ...(size === undefined ? {} : { terminalResize: size }),
  });
  const stopResizing = tty
    ? onResize(cli, (terminalResize) => {
        void queue.push({ terminalResize });
      })
    : () => {};
  const attach = () =>
    attached(cli, {
      replies: (signal) => cli.control.attachWorkloadConsole(queue.messages, { signal }),
      print: (reply) => writeBoth(cli, reply),
      send: (stdin) => queue.push({ stdin }),
      inputEnded: () => queue.push({ stdinClosed: true }),
      close: () => queue.end(),
    });
  try {
    return await (tty ? withRawInput(cli, attach) : attach());
  } finally {
    stopResizing();
  }
}

interface Attachment<Reply> {
  readonly replies: (signal: AbortSignal) => AsyncIterable<Reply>;
  readonly print: (reply: Reply) => Promise<void>;
  readonly send: (data: Uint8Array) => Promise<void>;
  readonly inputEnded: () => Promise<void>;
  readonly close: () => void;
}

async function attached<Reply>(cli: Cli, attachment: Attachment<Reply>): Promise<ConsoleEnd> {
  const stop = new AbortController();
  let detached = false;
  const input = forwardInput(
    cli.stdin,
    // Without a terminal the byte is data like any other.
    { detachable: cli.stdin.isTTY === true, signal: stop.signal },
    attachment.send,
  ).then(async (inputEnd) => {
    if (inputEnd === 'end-of-file') return attachment.inputEnded();
    detached = true;
    stop.abort();
  });
  // Without input the console can still be read.
  input.catch(() => undefined);
  try {
    for await (const reply of attachment.replies(stop.signal)) await attachment.print(reply);
  } catch (error) {
    if (!detached) throw error;
  } finally {
    attachment.close();
    stop.abort();
  }
  // The terminal is still raw; the shell's prompt belongs on a line of its own.
  if (detached) await write(cli.stderr, '\r\ndetached; what was attached goes on\r\n');
  return detached ? 'detached' : 'ended';
}

async function writeBoth(cli: Cli, reply: { stdout: Uint8Array; stderr: Uint8Array }): Promise<void> {
  if (reply.stdout.length > 0) await write(cli.stdout, reply.stdout);
  if (reply.stderr.length > 0) await write(cli.stderr, reply.stderr);
}
