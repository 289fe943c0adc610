import { Code, ConnectError } from '@connectrpc/connect';
import type { HypervisorCapabilities } from '../hypervisor/hypervisor.ts';
import type { ZoneSpec } from '../state/zone-record.ts';

/** Least memory that a zone boots with, MiB. */
export const minMemoryMib = 64;

/** Virtual CPUs of a zone that asks for none, at most. */
const defaultCpus = 4;
const maxNameBytes = 253;
const maxAnnotations = 256;
const maxCmdlineBytes = 1024;

export interface HostLimits {
  readonly cpus: number;
  readonly defaultMemoryMib: number;
  readonly hypervisor: Pick<HypervisorCapabilities, 'name' | 'virtualizationBackends'>;
}

/** INVALID_ARGUMENT for a name that cannot be shown on one line or is too long. */
export function checkName(name: string): void {
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) {
    throw invalid(`name ${JSON.stringify(name)} has control characters; leave them out`);
  }
  const bytes = Buffer.byteLength(name);
  if (bytes > maxNameBytes) throw invalid(`name has ${bytes} bytes; at most ${maxNameBytes} are taken`);
}

/**
 * The specification with every default filled in; what the caller left open is 0 or empty. INVALID_ARGUMENT
 * names what cannot be, FAILED_PRECONDITION what this host cannot do.
 */
export function completeZoneSpec(spec: ZoneSpec, host: HostLimits): ZoneSpec {
  checkName(spec.name);
  checkVirtualization(spec.virtualization, host.hypervisor);
  if (spec.annotations.length > maxAnnotations) {
    throw invalid(`${spec.annotations.length} annotations; at most ${maxAnnotations} are taken`);
  }
  const { cmdline, cmdlineAppend, modules } = spec.kernelOptions;
  const words = [...cmdline, cmdlineAppend].join(' ');
  if (/\p{Cc}/u.test(words)) throw invalid('the kernel command line has control characters; leave them out');
  if (Buffer.byteLength(words) > maxCmdlineBytes) {
    throw invalid(`the kernel command line is longer than ${maxCmdlineBytes} bytes`);
  }
  for (const module of modules) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(module)) throw invalid(`${JSON.stringify(module)} is no module name`);
  }
  const { backend, assumeReservation, retainReservation } = spec.network;
  if (backend !== 'default' && (assumeReservation !== undefined || retainReservation)) {
    throw invalid(`a zone with network backend ${backend} has no network reservation; leave the backend out`);
  }
  const resources = {
    ...spec.resources,
    ...completeCpus(spec.resources, host.cpus),
    ...completeMemory(spec.resources, host.defaultMemoryMib),
  };
  if (spec.scratch.kind === 'image' && spec.scratch.sizeMib < 16) {
    throw invalid(`a scratch disk of ${spec.scratch.sizeMib} MiB is too small; 16 MiB is the least`);
  }
  return { ...spec, resources };
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
  const minCpus = asked.minCpus || Math.min(1, targetCpus);
  for (const [what, cpus] of Object.entries({
    'max-cpus': maxCpus,
    'target-cpus': targetCpus,
    'min-cpus': minCpus,
  })) {
    if (cpus > hostCpus)
      throw invalid(`${what} is ${cpus}, but this host has ${hostCpus} CPUs; ask for no more`);
  }
  if (targetCpus > maxCpus) throw invalid(`target-cpus ${targetCpus} is more than max-cpus ${maxCpus}`);
  if (minCpus > targetCpus) throw invalid(`min-cpus ${minCpus} is more than target-cpus ${targetCpus}`);
  return { maxCpus, targetCpus, minCpus };
}

function completeMemory(asked: ZoneSpec['resources'], defaultMib: number) {
  const maxMemoryMib =
    asked.maxMemoryMib || Math.max(asked.targetMemoryMib, asked.minMemoryMib) || defaultMib;
  const targetMemoryMib = asked.targetMemoryMib || maxMemoryMib;
  const minMemoryMibAsked = asked.minMemoryMib || Math.min(minMemoryMib, targetMemoryMib);
  if (targetMemoryMib < minMemoryMib) {
    throw invalid(
      `${targetMemoryMib} MiB of memory are too little for a zone; ${minMemoryMib} MiB is the least`,
    );
  }
  if (targetMemoryMib > maxMemoryMib) {
    throw invalid(`target-memory ${targetMemoryMib} MiB is more than max-memory ${maxMemoryMib} MiB`);
  }
  if (minMemoryMibAsked > targetMemoryMib) {
    throw invalid(`min-memory ${minMemoryMibAsked} MiB is more than target-memory ${targetMemoryMib} MiB`);
  }
  return { maxMemoryMib, targetMemoryMib, minMemoryMib: minMemoryMibAsked };
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
