import type { WorkloadId } from '@protect/config/ids';
import type { StreamResponse } from '@protect/proto/idm';
import { OutputStream } from '@protect/proto/idm';
import type { IdmConnection } from '../idm/connection.ts';
import type { IdmStream } from '../idm/stream.ts';
import type { OutputLog } from './output-log.ts';

export interface PumpOptions {
  readonly connection: Pick<IdmConnection, 'workloadIo'>;
  readonly log: OutputLog;
  readonly workloadId: WorkloadId;
  readonly run: number;
  readonly signal: AbortSignal;
  /** Gets the stream that takes the workload's input. */
  readonly onStream: (stream: IdmStream) => void;
}

/**
 * Carries the output of one run from the zone into the log, from the stored offsets on, and lets the
 * zone forget what is stored. Settles when all of it is stored; rejects when the channel is lost before.
 */
export async function pumpOutput(options: PumpOptions): Promise<void> {
  const { connection, log, workloadId, run, signal } = options;
  const start = log.resumeAt(run);
  if (start.ended) return;
  const stream = connection.workloadIo(
    { workloadId, run, stdoutOffset: BigInt(start.stdout), stderrOffset: BigInt(start.stderr) },
    { signal },
  );
  options.onStream(stream);
  const failed = new AbortController();
  let failure: unknown;
  const acknowledge = acknowledger(stream, log, run);
  const ended = { stdout: false, stderr: false };
  try {
    for await (const response of stream.responses) {
      if (failed.signal.aborted) throw failure;
      const output = outputOf(response);
      if (output === undefined) continue;
      const bytes = output.data.length;
      if (bytes > 0) {
        log.append(run, output.stream, output.offset, output.data).then(
          () => {
            void acknowledge();
            stream.grant(bytes);
          },
          (error: unknown) => {
            failure = error;
            failed.abort();
            stream.close();
          },
        );
      }
      if (output.end) ended[output.stream] = true;
      if (ended.stdout && ended.stderr) break;
      // What one zone prints must not hold up the others.
      if (bytes > 0) await log.room();
    }
    if (failed.signal.aborted) throw failure;
    if (ended.stdout && ended.stderr) {
      await log.endRun(run);
      await acknowledge();
    }
  } catch (error) {
    throw failed.signal.aborted ? failure : error;
  } finally {
    stream.close();
  }
}

interface OutputPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly offset: number;
  readonly data: Uint8Array;
  readonly end: boolean;
}

function outputOf({ response }: StreamResponse): OutputPiece | undefined {
  if (response.case !== 'output') return undefined;
  const { stream, offset, data, end } = response.value;
  if (stream === OutputStream.STDOUT) return { stream: 'stdout', offset: Number(offset), data, end };
  if (stream === OutputStream.STDERR) return { stream: 'stderr', offset: Number(offset), data, end };
  return undefined;
}

/** Tells the zone the newest stored offsets, one message at a time; never rejects. */
function acknowledger(stream: IdmStream, log: OutputLog, run: number): () => Promise<void> {
  let sending: Promise<void> | undefined;
  let again = false;
  const send = async () => {
    do {
      again = false;
      const { stdout, stderr } = log.resumeAt(run);
      const value = { stdoutOffset: BigInt(stdout), stderrOffset: BigInt(stderr) };
      await stream.send({ case: 'outputAcknowledge', value });
    } while (again);
  };
  return async () => {
    again = true;
    // When the stream has ended, the next one begins at the stored offsets.
    sending ??= send()
      .catch(() => undefined)
      .finally(() => {
        sending = undefined;
      });
    await sending;
  };
}
