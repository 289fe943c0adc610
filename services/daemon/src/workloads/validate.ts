import { posix } from 'node:path';
import { capabilitiesOf } from '@protect/oci/capabilities';
import { checkCgroupLimit } from '@protect/oci/cgroup-limits';
import { imageViolations } from '../image-violations.ts';
import { type FieldViolation, invalidArgument } from '../invalid-argument.ts';
import { scratchMountsMax } from '../limits.ts';
import { annotationViolations, nameViolations } from '../spec-violations.ts';
import type { ProcessSpec, SecuritySpec, WorkloadSpec } from '../state/workload-record.ts';

/** What the kernel takes. */
const hostnameBytesMax = 64;
const oomScoreAdjMax = 1000;

/** INVALID_ARGUMENT names everything that cannot be. */
export function checkWorkloadSpec(spec: WorkloadSpec): void {
  const violations = [
    ...nameViolations(spec.name),
    ...annotationViolations(spec.annotations),
    ...processViolations(spec.process),
    ...hostnameViolations(spec),
    ...oomViolations(spec.oomScoreAdj),
    ...securityViolations(spec.security),
    ...spec.cgroupLimits.flatMap((limit, index) =>
      imageViolations(`spec.cgroup_limits[${index}]`, () => checkCgroupLimit(limit)),
    ),
    ...scratchMountViolations(spec.scratchMounts),
  ];
  if (violations.length > 0) throw invalidArgument(violations);
}

function* processViolations({
  command,
  environment,
  workingDirectory,
}: ProcessSpec): Generator<FieldViolation> {
  for (const [index, word] of command.entries()) {
    if (!word.includes('\0')) continue;
    const description = `word ${index} of the command has a zero byte; leave it out`;
    yield { field: `spec.process.command[${index}]`, description };
  }
  for (const [index, { key, value }] of environment.entries()) {
    if (key !== '' && !/[=\0]/.test(key) && !value.includes('\0')) continue;
    // The value may be a secret.
    const description = `variable ${index} of the environment has no name, a "=" in it, or a zero byte`;
    yield { field: `spec.process.environment[${index}]`, description };
  }
  if (workingDirectory !== '' && !/^\/[^\0]*$/.test(workingDirectory)) {
    const description = `working directory ${JSON.stringify(workingDirectory)} is no absolute path`;
    yield { field: 'spec.process.working_directory', description };
  }
}

function* hostnameViolations({ hostname, security }: WorkloadSpec): Generator<FieldViolation> {
  const field = 'spec.hostname';
  if (hostname === '') return;
  if (!/^[A-Za-z0-9._-]+$/.test(hostname) || hostname.length > hostnameBytesMax) {
    const description = `hostname ${JSON.stringify(hostname)} is none: up to ${hostnameBytesMax} letters, digits, ".", "_" and "-"`;
    yield { field, description };
  }
  if (security.disableAllNamespaces || security.disableNamespaces.includes('uts')) {
    const description = `hostname ${JSON.stringify(hostname)} cannot be set without a UTS namespace; leave out the one or the other`;
    yield { field, description };
  }
}

function* securityViolations(security: SecuritySpec): Generator<FieldViolation> {
  const lists = {
    raise_capabilities: security.raiseCapabilities,
    raise_ambient_capabilities: security.raiseAmbientCapabilities,
    drop_capabilities: security.dropCapabilities,
  };
  for (const [name, capabilities] of Object.entries(lists)) {
    for (const [index, capability] of capabilities.entries()) {
      yield* imageViolations(`spec.security.${name}[${index}]`, () => capabilitiesOf(capability));
    }
  }
  const mount = security.disableNamespaces.indexOf('mount');
  if (mount >= 0) {
    const description =
      'the mount namespace cannot be shared with the zone, since a workload has a root filesystem of its own; leave it out';
    yield { field: `spec.security.disable_namespaces[${mount}]`, description };
  }
}

function* scratchMountViolations(paths: readonly string[]): Generator<FieldViolation> {
  if (paths.length > scratchMountsMax) {
    const description = `${paths.length} scratch mounts; at most ${scratchMountsMax} are taken`;
    yield { field: 'spec.scratch_mount', description };
  }
  for (const [index, path] of paths.entries()) {
    const field = `spec.scratch_mount[${index}].path`;
    if (!path.startsWith('/') || path === '/' || posix.normalize(path) !== path || /\p{Cc}/u.test(path)) {
      const description = `scratch mount ${JSON.stringify(path)} is no plain absolute path below /, such as /var/lib/data`;
      yield { field, description };
    } else if (/^\/(proc|sys|dev)(\/|$)/.test(path)) {
      yield {
        field,
        description: `scratch mount ${path} would hide what the kernel shows there; choose another`,
      };
    } else if (/^\/etc\/(hosts|hostname|resolv\.conf)$/.test(path)) {
      yield {
        field,
        description: `scratch mount ${path} would hide a file that the zone writes; choose another`,
      };
    } else if (paths.indexOf(path) !== index) {
      yield { field, description: `scratch mount ${path} is there twice; leave one out` };
    }
  }
}

function* oomViolations(score: number | undefined): Generator<FieldViolation> {
  if (score === undefined || Math.abs(score) <= oomScoreAdjMax) return;
  const description = `oom_score_adj is ${score}; it is from -${oomScoreAdjMax} to ${oomScoreAdjMax}`;
  yield { field: 'spec.oom_score_adj', description };
}
