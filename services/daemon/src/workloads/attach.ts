import { Code, ConnectError } from '@connectrpc/connect';
import type { IdmStream } from '../idm/stream.ts';
import type { State } from '../state/state.ts';
import { type Watched, waitFor } from '../state/wait-for.ts';
import type { WorkloadRecord } from '../state/workload-record.ts';
import type { OutputRecord } from './output-frame.ts';
import { readOutput } from './output-reader.ts';
import type { Workloads } from './workloads.ts';

/** One caller's view of a workload's output, and its hand on the input. */
export interface AttachedWorkload {
  /** All stored output and, unless told otherwise, what follows until the workload has ended and all was given. */
  output(options?: { readonly follow?: boolean }): AsyncGenerator<OutputRecord[]>;
  /** Waits until the workload runs and takes it. */
  input(data: Uint8Array, closed: boolean): Promise<void>;
  resize(size: { readonly rows: number; readonly columns: number }): Promise<void>;
}

interface AttachDeps {
  readonly state: State;
  readonly workloads: Pick<Workloads, 'logs' | 'sessions'>;
}

export function attachWorkload(
  { state, workloads }: AttachDeps,
  { id }: WorkloadRecord,
  signal: AbortSignal,
): AttachedWorkload {
  const { sessions, logs } = workloads;
  const current = () => state.workloads.get(id);
  const ownChanges: Watched = {
    onChange: (listener) =>
      state.onChange((change) => {
        if (change.record.id === id) listener();
      }),
  };

  async function* output({ follow = true } = {}): AsyncGenerator<OutputRecord[]> {
    const record = current();
    if (record === undefined) return;
    const log = await logs.open(record);
    const mayFollow = (): boolean => {
      const now = current();
      if (now === undefined || !follow) return false;
      if (isPending(now)) return true;
      const { run, ended } = log.stored;
      return now.status.state === 'completed' && !(ended && run === now.run);
    };
    yield* readOutput(log, { mayFollow, onChange: ownChanges.onChange, signal });
  }

  /** The stream of the current run, as soon as there is one. */
  async function stream(): Promise<IdmStream> {
    const either: Watched = {
      onChange(listener) {
        const stops = [ownChanges.onChange(listener), sessions.onChange(listener)];
        return () => {
          for (const stop of stops) stop();
        };
      },
    };
    const look = () => {
      const now = current();
      if (now === undefined || !isPending(now)) {
        throw new ConnectError(`workload ${id} has ended and takes no input`, Code.FailedPrecondition);
      }
      return now.status.state === 'running' ? sessions.stream(id) : undefined;
    };
    return await waitFor(either, look, signal);
  }

  return {
    output,
    async input(data, closed) {
      await (await stream()).send({ case: 'stdin', value: { data, closed } });
    },
    async resize({ rows, columns }) {
      await (await stream()).send({ case: 'terminalResize', value: { rows, columns } });
    },
  };
}

function isPending({ status: { state } }: WorkloadRecord): boolean {
  return state === 'creating' || state === 'created' || state === 'running';
}
