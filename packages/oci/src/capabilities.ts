import { ImageError } from './image-error.ts';

/** What a process may do beyond its user's rights, by the sets of capabilities(7). */
export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

export interface CapabilityRequest {
  readonly privileged: boolean;
  /** Names with or without `CAP_`, in any case; `ALL` for every one. */
  readonly raise: readonly string[];
  readonly raiseAmbient: readonly string[];
  /** Carried out after the raising; of `ALL` what is raised by its name is left out. */
  readonly drop: readonly string[];
}

/** Docker's default set. */
const defaultCapabilities: readonly string[] = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

/** Every capability of Linux 6.1, the zone's kernel. */
const allCapabilities: readonly string[] = [
  ...defaultCapabilities,
  'AUDIT_CONTROL',
  'AUDIT_READ',
  'BLOCK_SUSPEND',
  'BPF',
  'CHECKPOINT_RESTORE',
  'DAC_READ_SEARCH',
  'IPC_LOCK',
  'IPC_OWNER',
  'LEASE',
  'LINUX_IMMUTABLE',
  'MAC_ADMIN',
  'MAC_OVERRIDE',
  'NET_ADMIN',
  'NET_BROADCAST',
  'PERFMON',
  'SYSLOG',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_MODULE',
  'SYS_NICE',
  'SYS_PACCT',
  'SYS_PTRACE',
  'SYS_RAWIO',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'WAKE_ALARM',
];

/**
 * The sets that result from Docker's defaults and a request: first what `ALL` stands for is raised and then dropped,
 * then what is named is, as Kubernetes has it. Unknown names are an `ImageError` of kind `invalid`.
 */
export function capabilitySets(request: CapabilityRequest): CapabilitySets {
  const { privileged, raise, raiseAmbient, drop } = request;
  const everyDropped = drop.some(isAll);
  const dropped = new Set(expand(drop.filter((name) => !isAll(name))));
  const startsWith = privileged || raise.some(isAll) ? allCapabilities : defaultCapabilities;
  const left = (names: readonly string[]) =>
    expand(everyDropped ? names.filter((name) => !isAll(name)) : names).filter((name) => !dropped.has(name));
  const ambient = left(raiseAmbient);
  const held = new Set([...left(everyDropped ? [] : startsWith), ...left(raise), ...ambient]);
  const sorted = [...held].sort().map((name) => `CAP_${name}`);
  // The kernel takes an ambient capability only when it is inheritable too.
  const passedOn = [...new Set(ambient)].sort().map((name) => `CAP_${name}`);
  return { bounding: sorted, effective: sorted, permitted: sorted, inheritable: passedOn, ambient: passedOn };
}

function expand(names: readonly string[]): string[] {
  return names.flatMap(capabilitiesOf);
}

/** What a name stands for, without `CAP_`; an unknown one is an `ImageError` of kind `invalid`. */
export function capabilitiesOf(given: string): string[] {
  const name = bareName(given);
  if (isAll(name)) return [...allCapabilities];
  if (allCapabilities.includes(name)) return [name];
  throw new ImageError(
    'invalid',
    `there is no capability ${JSON.stringify(given)}; names are such as NET_ADMIN or ALL`,
  );
}

function bareName(given: string): string {
  return given.toUpperCase().replace(/^CAP_/, '');
}

function isAll(given: string): boolean {
  return bareName(given) === 'ALL';
}
