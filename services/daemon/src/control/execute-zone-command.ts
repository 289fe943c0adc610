import { Code, ConnectError } from '@connectrpc/connect';
import type { ExecuteZoneCommandRequest } from '@protect/proto/control';
import { OutputStream, type StreamResponse } from '@protect/proto/idm';
import type { IdmStream } from '../idm/stream.ts';
import { invalidField } from '../invalid-argument.ts';
import { openCommand } from '../workloads/exec.ts';
import { decodeWorkloadId, decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { firstMessage } from './first-message.ts';
import { toDomainProcess } from './workload-wire.ts';

/**
 * Runs one command in a zone, or in a workload of it. The caller's end of input is the command's; a
 * caller that goes away ends the command. The zone sends only as fast as the caller reads.
 */
export function executeZoneCommand(
  deps: Pick<ControlDeps, 'zones' | 'supervisor' | 'workloads' | 'images' | 'paths' | 'background'>,
): ControlMethods['executeZoneCommand'] {
  return async function* (requests, { signal }) {
    const { first, rest } = await firstMessage(requests);
    if (first.request.case !== 'start') {
      throw invalidField('start', 'the first message must say what to start');
    }
    const { zoneId, workloadId, process } = first.request.value;
    const command = {
      zoneId: zoneId === '' ? undefined : decodeZoneId(zoneId, 'start.zone_id'),
      workloadId: workloadId === '' ? undefined : decodeWorkloadId(workloadId, 'start.workload_id'),
      process: toDomainProcess(process, 'start.process'),
    };
    const stream = await openCommand(deps, command, signal);
    try {
      // The command goes on without input when the caller's side breaks; `signal` tells when it is gone.
      deps.background(
        'command input',
        feed(rest, stream).catch(() => undefined),
      );
      for await (const message of stream.responses) {
        const reply = toReply(message);
        if (reply === undefined) continue;
        yield reply.wire;
        stream.grant(reply.bytes);
        if (reply.last) return;
      }
      throw new ConnectError('the zone did not tell how the command ended', Code.Internal);
    } finally {
      stream.close();
    }
  };
}

async function feed(rest: AsyncIterator<ExecuteZoneCommandRequest>, stream: IdmStream): Promise<void> {
  while (true) {
    const next = await rest.next();
    if (next.done === true) {
      await stream.send({ case: 'stdin', value: { closed: true } });
      return;
    }
    const { request } = next.value;
    if (request.case === 'stdin') {
      await stream.send({
        case: 'stdin',
        value: { data: request.value.stdin, closed: request.value.closed },
      });
    } else if (request.case === 'terminalResize' && request.value.size !== undefined) {
      const { rows, columns } = request.value.size;
      await stream.send({ case: 'terminalResize', value: { rows, columns } });
    }
  }
}

function toReply({ response }: StreamResponse) {
  if (response.case === 'exited') {
    const wire = { reply: { case: 'exited' as const, value: { exitCode: response.value.code } } };
    return { wire, bytes: 0, last: true };
  }
  if (response.case !== 'output' || response.value.data.length === 0) return undefined;
  const { stream, data } = response.value;
  const value = stream === OutputStream.STDERR ? { stderr: data } : { stdout: data };
  return { wire: { reply: { case: 'output' as const, value } }, bytes: data.length, last: false };
}
