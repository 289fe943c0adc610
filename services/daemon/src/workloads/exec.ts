import { Code, ConnectError } from '@connectrpc/connect';
import type { WorkloadId, ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import type { IdmStream } from '../idm/stream.ts';
import { invalidArgument, invalidField } from '../invalid-argument.ts';
import type { ProcessSpec } from '../state/workload-record.ts';
import type { ZoneSupervisor } from '../zones/supervisor.ts';
import { accountViolations } from './check-against-image.ts';
import { execProcess } from './container-config.ts';
import type { ImageLookup } from './deps.ts';
import { readKeptImage } from './kept-image.ts';
import type { Workloads } from './workloads.ts';

/** A command to run in a zone, or in a workload. */
export interface Command {
  /** Undefined when the workload says it. */
  readonly zoneId: ZoneId | undefined;
  readonly workloadId: WorkloadId | undefined;
  readonly process: ProcessSpec;
}

interface ExecDeps {
  readonly supervisor: Pick<ZoneSupervisor, 'whenReady'>;
  readonly workloads: Pick<Workloads, 'get'>;
  readonly images: ImageLookup;
  readonly paths: Pick<StatePaths, 'workloadImage'>;
}

/** Longest wait for a zone that is being made or connects anew. */
const zoneMs = 60_000;

const zonePath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Starts the command; aborting `signal` or closing the stream ends it. */
export async function openCommand(deps: ExecDeps, command: Command, signal: AbortSignal): Promise<IdmStream> {
  const { process, workloadId } = command;
  const workload = workloadId === undefined ? undefined : deps.workloads.get(workloadId);
  const zoneId = command.zoneId ?? workload?.spec.zoneId;
  if (zoneId === undefined) {
    throw invalidField('start.zone_id', 'say in which zone or workload the command shall run');
  }
  if (workload !== undefined && workload.spec.zoneId !== zoneId) {
    throw invalidField('start.zone_id', `workload ${workload.id} is not in zone ${zoneId}`);
  }
  if (process.command.length === 0) throw invalidField('start.process.command', 'no command was given');
  if (workload !== undefined && workload.status.state !== 'running') {
    const text = `workload ${workload.id} is ${workload.status.state}; a command needs one that runs`;
    throw new ConnectError(text, Code.FailedPrecondition);
  }
  const zone = await deps.supervisor.whenReady(
    zoneId,
    AbortSignal.any([signal, AbortSignal.timeout(zoneMs)]),
  );
  const connection = await zone.connection(AbortSignal.any([signal, AbortSignal.timeout(zoneMs)]));
  const terminal = {
    tty: process.tty,
    ...(process.terminalSize === undefined ? {} : { terminalSize: process.terminalSize }),
  };
  if (workload === undefined) {
    const environment = process.environment.map(({ key, value }) => `${key}=${value}`);
    if (!process.environment.some(({ key }) => key === 'PATH')) environment.unshift(zonePath);
    const { command: words, workingDirectory } = process;
    const inZone = { command: words, environment, workingDirectory: workingDirectory || '/' };
    return connection.exec({ process: inZone, ...terminal }, { signal });
  }
  const kept = await readKeptImage(deps.paths, workload);
  const image = kept ?? (await deps.images.find(workload.spec.image));
  const violations = accountViolations(process, image, 'start.process');
  if (violations.length > 0) throw invalidArgument(violations);
  const ociProcess = Buffer.from(execProcess({ record: workload, zone: zone.record, image }, process));
  return connection.exec({ workloadId: workload.id, ociProcess, ...terminal }, { signal });
}
