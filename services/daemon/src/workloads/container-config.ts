import { parseImageConfig } from '@protect/oci/image-config';
import type { ProcessRequest } from '@protect/oci/process-spec';
import { buildExecProcess, buildRuntimeSpec, type RuntimeSpecRequest } from '@protect/oci/runtime-spec';
import type { ProcessSpec, WorkloadRecord } from '../state/workload-record.ts';
import type { ZoneRecord } from '../state/zone-record.ts';
import { zoneHostname } from '../zones/configure.ts';
import type { KeptImage } from './kept-image.ts';

interface ContainerSubject {
  readonly record: WorkloadRecord;
  readonly zone: ZoneRecord;
  readonly image: KeptImage;
}

/** The OCI configuration of a workload and the text of its hosts file. */
export function containerConfig(subject: ContainerSubject): { config: string; hostsFile: string } {
  const request = runtimeRequest(subject);
  return { config: buildRuntimeSpec(request), hostsFile: hostsFile(subject.zone, request.hostname) };
}

/** The OCI process of a further command in a workload. */
export function execProcess(subject: ContainerSubject, process: ProcessSpec): string {
  return buildExecProcess(runtimeRequest(subject), processRequest(process));
}

function runtimeRequest({ record, zone, image }: ContainerSubject): RuntimeSpecRequest {
  const { security, ...spec } = record.spec;
  return {
    image: parseImageConfig(image.config),
    accounts: image.accounts,
    hostname: spec.hostname === '' ? zoneHostname(zone) : spec.hostname,
    workloadId: record.id,
    process: processRequest(spec.process),
    oomScoreAdj: spec.oomScoreAdj,
    cgroupLimits: spec.cgroupLimits,
    // The zone's init makes these folders, by the path's place in the list.
    binds: spec.scratchMounts.map((destination, index) => {
      return { source: `/scratch/${record.id}-mounts/${index}`, destination };
    }),
    security: {
      privileged: security.privileged,
      noNewPrivileges: security.noNewPrivs,
      readOnlyRootFilesystem: security.readOnlyRootfs,
      raiseCapabilities: security.raiseCapabilities,
      raiseAmbientCapabilities: security.raiseAmbientCapabilities,
      dropCapabilities: security.dropCapabilities,
      disabledNamespaces: security.disableNamespaces.map((name) => (name === 'net' ? 'network' : name)),
      disableAllNamespaces: security.disableAllNamespaces,
      strictUserNamespace: security.strictUserNamespace,
    },
  };
}

function processRequest(process: ProcessSpec): ProcessRequest {
  const account = (value: ProcessSpec['user']) =>
    value === undefined ? undefined : 'id' in value ? value.id : value.name;
  return {
    command: process.command,
    environment: process.environment,
    workingDirectory: process.workingDirectory,
    terminal: process.tty,
    user: account(process.user),
    group: account(process.group),
    additionalGids: process.additionalGids,
  };
}

function hostsFile(zone: ZoneRecord, hostname: string): string {
  const link = zone.placement?.link;
  const given = zone.network?.interfaces.filter(({ name }) => name !== 'lo')[0]?.addresses ?? [];
  const own = [link?.ipv4, link?.ipv6, ...given.map(({ address }) => address)].flatMap((address) => {
    const bare = address?.split('/')[0];
    return bare === undefined || bare === '' ? [] : [`${bare}\t${hostname}`];
  });
  const loopback = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback'];
  return `${[...loopback, ...own].join('\n')}\n`;
}
