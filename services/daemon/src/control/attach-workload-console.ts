import type { WorkloadConsoleRequest } from '@protect/proto/control';
import { attachWorkload } from '../workloads/attach.ts';
import type { OutputRecord } from '../workloads/output-frame.ts';
import { decodeWorkloadId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { firstMessage } from './first-message.ts';
import { historyOnly } from './history-only.ts';

/** Payload of one message, unless a single record is larger. */
const replyBytes = 64 * 1024;

/**
 * All stored output of a workload, then what it prints, and its input. The stream ends when the workload
 * has ended and all its output was sent, or after the stored output with the header `protect-follow: false`.
 */
export function attachWorkloadConsole(
  deps: Pick<ControlDeps, 'workloads' | 'state' | 'background'>,
): ControlMethods['attachWorkloadConsole'] {
  return async function* (requests, context) {
    const { signal } = context;
    const follow = !historyOnly(context);
    const { first, rest } = await firstMessage(requests);
    const record = deps.workloads.get(decodeWorkloadId(first.workloadId));
    const attached = attachWorkload(deps, record, signal);
    const feed = async () => {
      for (let next: WorkloadConsoleRequest | undefined = first; next !== undefined; ) {
        if (next.terminalResize !== undefined) await attached.resize(next.terminalResize);
        if (next.stdin.length > 0 || next.stdinClosed) await attached.input(next.stdin, next.stdinClosed);
        const following: IteratorResult<WorkloadConsoleRequest, unknown> = await rest.next();
        next = following.done === true ? undefined : following.value;
      }
    };
    // A workload that has ended takes no input; its output tells the caller.
    deps.background(
      'workload input',
      feed().catch(() => undefined),
    );
    for await (const records of attached.output({ follow })) yield* replies(records);
  };
}

/** One message for each run of records of the same stream. */
function* replies(records: readonly OutputRecord[]) {
  let kind: 'stdout' | 'stderr' = 'stdout';
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for (const record of records) {
    if (record.kind !== 'stdout' && record.kind !== 'stderr') continue;
    if (bytes > 0 && (record.kind !== kind || bytes + record.data.length > replyBytes)) {
      yield { [kind]: Buffer.concat(pieces) };
      pieces = [];
      bytes = 0;
    }
    ({ kind } = record);
    pieces.push(record.data);
    bytes += record.data.length;
  }
  if (bytes > 0) yield { [kind]: Buffer.concat(pieces) };
}
