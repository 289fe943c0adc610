import { Code, ConnectError } from '@connectrpc/connect';
import { patientCall } from '../peers/patient-call.ts';
import type { WorkloadRecord } from '../state/workload-record.ts';
import { containerConfig } from './container-config.ts';
import { type WorkloadDeps, workloadDiskSerial } from './deps.ts';
import { keepImage } from './kept-image.ts';

const mountDeadlineMs = 60_000;

/**
 * Gives the zone all that a workload needs to start: its disk, its bundle. Idempotent; what was done is
 * left for `clearWorkload` when it fails.
 */
export async function bringUpWorkload(
  deps: WorkloadDeps,
  record: WorkloadRecord,
  signal: AbortSignal,
): Promise<void> {
  const { spec } = record;
  // 1. The zone.
  const zone = await deps.zones.whenReady(spec.zoneId, signal);
  // 2. The image.
  const image = await deps.images.find(spec.image);
  await keepImage(deps.paths, record, image);
  const { config, hostsFile } = containerConfig({ record, zone: zone.record, image });
  // 3. Its disk, within reach of the zone's machine.
  const serial = workloadDiskSerial(record.id);
  const { disk } = await patientCall(
    'protect-storage',
    (call) =>
      deps.storage.provideDisk(
        {
          zoneId: spec.zoneId,
          generation: BigInt(zone.record.generation),
          serial,
          readOnly: true,
          source: { case: 'imagePath', value: image.path },
        },
        { signal: call },
      ),
    signal,
  );
  if (disk === undefined) throw new ConnectError('protect-storage gave no disk', Code.Internal);
  // 4. The disk in the machine.
  const attached = await zone.domain.listDisks(signal);
  if (!attached.includes(serial)) {
    await zone.domain.attachDisk({ serial, path: disk.path, readOnly: true }, signal);
  }
  // 5. The bundle.
  const connection = await zone.connection(signal);
  const request = {
    case: 'createWorkload',
    value: {
      workloadId: record.id,
      diskSerial: serial,
      filesystem: spec.image.format,
      ociConfig: Buffer.from(config),
      hostsFile,
      scratchMounts: spec.scratchMounts,
      stdin: spec.process.stdin,
      ...(spec.process.terminalSize === undefined ? {} : { terminalSize: spec.process.terminalSize }),
    },
  } as const;
  await connection.request(request, { deadlineMs: mountDeadlineMs, signal }).catch((error: unknown) => {
    // An interrupted attempt got this far.
    if (ConnectError.from(error).code !== Code.AlreadyExists) throw error;
  });
}
