import { Code, ConnectError } from '@connectrpc/connect';
import type { HypervisorCapabilities } from '../hypervisor/hypervisor.ts';
import { invalidArgument } from '../invalid-argument.ts';
import { currentResources, type ZoneRecord, type ZoneResources } from '../state/zone-record.ts';
import { resourceViolations } from './validate.ts';

export interface ResourceHost {
  readonly cpus: number;
  readonly hypervisor: Pick<HypervisorCapabilities, 'name' | 'memoryBalloon' | 'cpuHotplug'>;
}

/**
 * What a zone shall have when `asked`, where 0 and `unknown` leave what is, is carried out; a target that is left goes no
 * further than to the new bounds. INVALID_ARGUMENT names by field what cannot be, FAILED_PRECONDITION what this zone's
 * machine or this host's hypervisor cannot do.
 */
export function changedResources(
  record: ZoneRecord,
  asked: ZoneResources,
  host: ResourceHost,
): ZoneResources {
  const now = currentResources(record);
  const bounds = {
    maxMemoryMib: asked.maxMemoryMib || now.maxMemoryMib,
    minMemoryMib: asked.minMemoryMib || now.minMemoryMib,
    maxCpus: asked.maxCpus || now.maxCpus,
    minCpus: asked.minCpus || now.minCpus,
  };
  const within = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));
  const next: ZoneResources = {
    ...bounds,
    targetMemoryMib:
      asked.targetMemoryMib || within(now.targetMemoryMib, bounds.minMemoryMib, bounds.maxMemoryMib),
    targetCpus: asked.targetCpus || within(now.targetCpus, bounds.minCpus, bounds.maxCpus),
    policy: asked.policy === 'unknown' ? now.policy : asked.policy,
  };
  const violations = [...resourceViolations(next, host.cpus, 'resources')];
  if (violations.length > 0) throw invalidArgument(violations);
  checkMachine(record, next);
  checkHypervisor(now, next, host.hypervisor);
  return next;
}

/** A machine has the most that it can have from its start. */
function checkMachine({ id, spec: { resources: start } }: ZoneRecord, next: ZoneResources): void {
  const beyond =
    next.maxMemoryMib > start.maxMemoryMib
      ? `max-memory ${next.maxMemoryMib} MiB is more than the ${start.maxMemoryMib} MiB`
      : next.maxCpus > start.maxCpus
        ? `max-cpus ${next.maxCpus} is more than the ${start.maxCpus}`
        : undefined;
  if (beyond === undefined) return;
  const text = `${beyond} that zone ${id} was launched with at most; launch another zone to have more`;
  throw new ConnectError(text, Code.FailedPrecondition);
}

function checkHypervisor(
  now: ZoneResources,
  next: ZoneResources,
  { name, memoryBalloon, cpuHotplug }: ResourceHost['hypervisor'],
): void {
  const moves = next.targetMemoryMib !== now.targetMemoryMib || next.policy === 'dynamic';
  const missing =
    moves && !memoryBalloon
      ? 'the memory'
      : next.targetCpus !== now.targetCpus && !cpuHotplug
        ? 'the number of CPUs'
        : undefined;
  if (missing === undefined) return;
  const text = `this host's hypervisor, ${name}, cannot change ${missing} of a running zone; launch it anew`;
  throw new ConnectError(text, Code.FailedPrecondition);
}
