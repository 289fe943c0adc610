import { Code, ConnectError } from '@connectrpc/connect';
import type { HypervisorCapabilities } from '../hypervisor/hypervisor.ts';
import { type FieldViolation, invalidArgument } from '../invalid-argument.ts';
import { addonsMax } from '../limits.ts';
import { annotationViolations, nameViolations } from '../spec-violations.ts';
import type { ZoneResources, ZoneSpec } from '../state/zone-record.ts';
import { dnsViolations } from './dns-violations.ts';
import { kernelViolations } from './kernel-violations.ts';

/** Least memory that a zone boots with, MiB. */
export const minMemoryMib = 64;

/** Virtual CPUs of a zone that asks for none, at most. */
const defaultCpus = 4;
const minScratchMib = 16;

export interface HostLimits {
  readonly cpus: number;
  readonly defaultMemoryMib: number;
  readonly hypervisor: Pick<HypervisorCapabilities, 'name' | 'virtualizationBackends'>;
}

/**
 * The specification with every default filled in; what the caller left open is 0 or empty. INVALID_ARGUMENT
 * names what cannot be, FAILED_PRECONDITION what this host cannot do.
 */
export function completeZoneSpec(spec: ZoneSpec, host: HostLimits): ZoneSpec {
  const resources = {
    ...spec.resources,
    ...completeCpus(spec.resources, host.cpus),
    ...completeMemory(spec.resources, host.defaultMemoryMib),
  };
  const violations = [
    ...nameViolations(spec.name),
    ...annotationViolations(spec.annotations),
    ...kernelViolations(spec.kernelOptions),
    ...networkViolations(spec.network),
    ...dnsViolations(spec.network.dns),
    ...resourceViolations(resources, host.cpus, 'spec.initial_resources'),
    ...scratchViolations(spec.scratch),
    ...addonViolations(spec.addons),
  ];
  if (violations.length > 0) throw invalidArgument(violations);
  checkVirtualization(spec.virtualization, host.hypervisor);
  return { ...spec, resources };
}

function* networkViolations(network: ZoneSpec['network']): Generator<FieldViolation> {
  const { backend, assumeReservation, retainReservation } = network;
  if (backend === 'default' || (assumeReservation === undefined && !retainReservation)) return;
  const description = `a zone with network backend ${backend} has no network reservation; leave the backend out`;
  yield { field: 'spec.network_options.backend', description };
}

function* scratchViolations(scratch: ZoneSpec['scratch']): Generator<FieldViolation> {
  if (scratch.kind !== 'image' || scratch.sizeMib >= minScratchMib) return;
  const description = `a scratch disk of ${scratch.sizeMib} MiB is too small; ${minScratchMib} MiB is the least`;
  yield { field: 'spec.scratch_disk.image.size', description };
}

function* addonViolations(addons: ZoneSpec['addons']): Generator<FieldViolation> {
  if (addons.length <= addonsMax) return;
  const description = `${addons.length} addon images; at most ${addonsMax} are taken`;
  yield { field: 'spec.addons', description };
}

function checkVirtualization(asked: ZoneSpec['virtualization'], hypervisor: HostLimits['hypervisor']): void {
  if (asked === 'unknown' || asked === 'automatic') return;
  const { name, virtualizationBackends: known } = hypervisor;
  if (known.includes(asked)) return;
  const remedy =
    name === 'xen' ? `${known.join(', ')} and auto` : 'auto; pv and pvh need a host that runs Xen';
  const text = `this host's hypervisor, ${name}, has no virtualization backend ${asked}; it has ${remedy}`;
  throw new ConnectError(text, Code.FailedPrecondition);
}

function completeCpus(asked: ZoneSpec['resources'], hostCpus: number) {
  const maxCpus = asked.maxCpus || asked.targetCpus || asked.minCpus || Math.min(defaultCpus, hostCpus);
  const targetCpus = asked.targetCpus || maxCpus;
  return { maxCpus, targetCpus, minCpus: asked.minCpus || Math.min(1, targetCpus) };
}

/** What is wrong with bounds and targets; `field` is where they stand in the request. */
export function* resourceViolations(
  resources: ZoneResources,
  hostCpus: number,
  field: string,
): Generator<FieldViolation> {
  yield* cpuViolations(resources, hostCpus, field);
  yield* memoryViolations(resources, field);
}

function* cpuViolations(
  resources: ZoneResources,
  hostCpus: number,
  parent: string,
): Generator<FieldViolation> {
  const { maxCpus, targetCpus, minCpus } = resources;
  for (const [what, cpus] of Object.entries({ max: maxCpus, target: targetCpus, min: minCpus })) {
    // What follows from the maximum is said once.
    if (cpus <= hostCpus || (what !== 'max' && cpus === maxCpus)) continue;
    const description = `${what}-cpus is ${cpus}, but this host has ${hostCpus} CPUs; ask for no more`;
    yield { field: `${parent}.${what}_cpus`, description };
  }
  if (targetCpus > maxCpus) {
    const description = `target-cpus ${targetCpus} is more than max-cpus ${maxCpus}`;
    yield { field: `${parent}.target_cpus`, description };
  }
  if (minCpus > targetCpus) {
    const description = `min-cpus ${minCpus} is more than target-cpus ${targetCpus}`;
    yield { field: `${parent}.min_cpus`, description };
  }
}

function completeMemory(asked: ZoneSpec['resources'], defaultMib: number) {
  const maxMemoryMib =
    asked.maxMemoryMib || Math.max(asked.targetMemoryMib, asked.minMemoryMib) || defaultMib;
  const targetMemoryMib = asked.targetMemoryMib || maxMemoryMib;
  const least = asked.minMemoryMib || Math.min(minMemoryMib, targetMemoryMib);
  return { maxMemoryMib, targetMemoryMib, minMemoryMib: least };
}

function* memoryViolations(resources: ZoneResources, parent: string): Generator<FieldViolation> {
  const { maxMemoryMib: max, targetMemoryMib: target, minMemoryMib: min } = resources;
  if (target < minMemoryMib) {
    const description = `${target} MiB of memory are too little for a zone; ${minMemoryMib} MiB is the least`;
    yield { field: `${parent}.target_memory`, description };
  }
  if (target > max) {
    const description = `target-memory ${target} MiB is more than max-memory ${max} MiB`;
    yield { field: `${parent}.target_memory`, description };
  }
  if (min > target) {
    const description = `min-memory ${min} MiB is more than target-memory ${target} MiB`;
    yield { field: `${parent}.min_memory`, description };
  }
}
