import { type FieldViolation, invalidArgument } from '../invalid-argument.ts';
import { annotationViolations, nameViolations } from '../spec-violations.ts';
import type { ProcessSpec, WorkloadSpec } from '../state/workload-record.ts';

/** What the kernel takes. */
const hostnameBytesMax = 64;
const oomScoreAdjMax = 1000;

/** INVALID_ARGUMENT names everything that cannot be. */
export function checkWorkloadSpec(spec: WorkloadSpec): void {
  const violations = [
    ...nameViolations(spec.name),
    ...annotationViolations(spec.annotations),
    ...processViolations(spec.process),
    ...hostnameViolations(spec.hostname),
    ...oomViolations(spec.oomScoreAdj),
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

function* hostnameViolations(hostname: string): Generator<FieldViolation> {
  if (hostname === '' || (/^[A-Za-z0-9._-]+$/.test(hostname) && hostname.length <= hostnameBytesMax)) return;
  const description = `hostname ${JSON.stringify(hostname)} is none: up to ${hostnameBytesMax} letters, digits, ".", "_" and "-"`;
  yield { field: 'spec.hostname', description };
}

function* oomViolations(score: number | undefined): Generator<FieldViolation> {
  if (score === undefined || Math.abs(score) <= oomScoreAdjMax) return;
  const description = `oom_score_adj is ${score}; it is from -${oomScoreAdjMax} to ${oomScoreAdjMax}`;
  yield { field: 'spec.oom_score_adj', description };
}
