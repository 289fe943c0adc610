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

/** `KEY=value`; the value may be empty and may contain further equal signs. */
export function keyValue(text: string): { key: string; value: string } {
  const split = text.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('Write it as KEY=value.');
  return { key: text.slice(0, split), value: text.slice(split + 1) };
}

/** `HOST:TARGET`, both absolute. */
export function bindMount(text: string): { hostPath: string; targetPath: string } {
  const [hostPath = '', targetPath = '', ...rest] = text.split(':');
  if (rest.length > 0 || !hostPath.startsWith('/') || !targetPath.startsWith('/')) {
    throw new InvalidArgumentError('Write it as /host/path:/path/in/the/workload.');
  }
  return { hostPath, targetPath };
}

/** A command after its target: a separating `--` is no part of it. */
export function commandWords(words: readonly string[]): string[] {
  return words[0] === '--' ? words.slice(1) : [...words];
}
