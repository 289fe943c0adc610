import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** A whole number from 1 to `max`, for commander; the message names what it counts. */
export function positive(max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  };
}

/** The same with 0 allowed. */
export function countUpTo(max: number): (text: string) => number {
  return (text) => (text === '0' ? 0 : positive(max)(text));
}

/** Collects a repeatable option. */
export function collect<T>(parse: (text: string) => T): (text: string, previous: T[] | undefined) => T[] {
  return (text, previous = []) => [...previous, parse(text)];
}

/** Collects a repeatable option that takes one of some words. */
export function collectChoices(
  choices: readonly string[],
): (text: string, previous: string[] | undefined) => string[] {
  return collect((text) => {
    if (choices.includes(text)) return text;
    throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
  });
}

/** A name and what it is set to. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** `KEY=value`; the value may be empty and may contain further equal signs. */
export function keyValue(text: string): KeyValue {
  const split = text.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('Write it as KEY=value.');
  return { key: text.slice(0, split), value: text.slice(split + 1) };
}

/** `MODULE.PARAMETER=value`, as on a kernel command line. */
export function moduleParameter(text: string): { module: string; parameter: string } {
  const dot = text.indexOf('.');
  if (dot < 1 || dot === text.length - 1) {
    throw new InvalidArgumentError('Write it as module.parameter=value, such as ixgbe.max_vfs=8.');
  }
  return { module: text.slice(0, dot), parameter: text.slice(dot + 1) };
}

/** A whole number from `min` to `max`, which may be negative. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** A time in seconds, which may have a fraction. */
export function seconds(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,10}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number of seconds from ${min} to ${max}.`);
  };
}

/** `HOST:TARGET`, both absolute. */
export function bindMount(text: string): { hostPath: string; targetPath: string } {
  const [hostPath = '', targetPath = '', ...rest] = text.split(':');
  if (rest.length > 0 || !hostPath.startsWith('/') || !targetPath.startsWith('/')) {
    throw new InvalidArgumentError('Write it as /host/path:/path/in/the/workload.');
  }
  return { hostPath, targetPath };
}

/** `user` or `user:group`, each a number or a name. */
export function userAndGroup(text: string): { user: IdOrName; group?: IdOrName } {
  const [user = '', group, ...rest] = text.split(':');
  if (user === '' || group === '' || rest.length > 0) {
    throw new InvalidArgumentError('Write it as user or user:group, each a name or a number.');
  }
  return { user: idOrName(user), ...(group === undefined ? {} : { group: idOrName(group) }) };
}

/** A user or a group as the wire has it. */
export interface IdOrName {
  readonly idOrName:
    | { readonly case: 'id'; readonly value: number }
    | { readonly case: 'name'; readonly value: string };
}

function idOrName(text: string): IdOrName {
  const id = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return id < 2 ** 32 ? { idOrName: { case: 'id', value: id } } : { idOrName: { case: 'name', value: text } };
}

/** `PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; a port alone is at `defaultAddress`. */
export function addressAndPort(text: string, defaultAddress: string): { address: string; port: number } {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]*)\]:|([^:[\]]*):)?([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const address = bracketed ?? plain ?? defaultAddress;
  if (digits === '' || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new InvalidArgumentError('Write it as port, address:port or [IPv6 address]:port.');
  }
  return { address, port };
}

/** `DEVICE:TARGET` or `DEVICE:TARGET:ro`, the paths absolute. */
export function blockDevice(text: string): { devicePath: string; targetPath: string; readonly: boolean } {
  const [devicePath = '', targetPath = '', mode, ...rest] = text.split(':');
  const isMode = mode === undefined || mode === 'ro';
  if (rest.length > 0 || !isMode || !devicePath.startsWith('/') || !targetPath.startsWith('/')) {
    throw new InvalidArgumentError('Write it as /dev/name:/path/in/the/workload, with :ro to only read it.');
  }
  return { devicePath, targetPath, readonly: mode === 'ro' };
}

/** A command after its target: a separating `--` is no part of it. */
export function commandWords(words: readonly string[]): string[] {
  return words[0] === '--' ? words.slice(1) : [...words];
}
