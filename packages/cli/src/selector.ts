import {
  type DescField,
  type DescMessage,
  type Message,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import { closestName } from './closest-name.ts';
import { usageError } from './command-error.ts';
import { shortenName } from './short-name.ts';

/** Tells whether a message has the wanted value at the wanted place. */
export type Selector<T extends Message> = (message: T) => boolean;

interface Step {
  /** JSON name of a field, key of a map or index of a list. */
  readonly key: string;
  readonly field: DescField | undefined;
}

/**
 * Parses `path=value`, such as `status.state=failed`. The path names fields with dots, as in the .proto
 * files or in JSON; a list takes an index, or matches with any of its elements. Enum values may be short.
 */
export function parseSelector<Desc extends DescMessage>(
  desc: Desc,
  text: string,
): Selector<MessageShape<Desc>> {
  const split = text.indexOf('=');
  if (split < 1) throw usageError(`--selector ${text}: write it as path=value, such as status.state=ready`);
  const wanted = text.slice(split + 1);
  const steps = resolvePath(desc, text.slice(0, split), text);
  return (message) => matches(toJson(desc, message, { alwaysEmitImplicit: true }), steps, wanted);
}

/** True when all selectors agree. */
export function selectAll<T extends Message>(selectors: readonly Selector<T>[]): Selector<T> {
  return (message) => selectors.every((selector) => selector(message));
}

function resolvePath(desc: DescMessage, path: string, text: string): Step[] {
  const steps: Step[] = [];
  let message: DescMessage | undefined = desc;
  let field: DescField | undefined;
  for (const key of path.split('.')) {
    if (field?.fieldKind === 'list' && /^[0-9]+$/.test(key)) {
      steps.push({ key, field: undefined });
      continue;
    }
    if (field?.fieldKind === 'map' && message === undefined) {
      steps.push({ key, field });
      message = field.mapKind === 'message' ? field.message : undefined;
      field = undefined;
      continue;
    }
    const inside: readonly DescField[] = message?.fields ?? [];
    const next: DescField | undefined = inside.find(({ name, jsonName }) => name === key || jsonName === key);
    if (next === undefined) throw unknownField(desc, inside, key, text);
    steps.push({ key: next.jsonName, field: next });
    field = next;
    message = next.fieldKind === 'map' ? undefined : next.message;
  }
  return steps;
}

function unknownField(desc: DescMessage, inside: readonly DescField[], key: string, text: string) {
  const names = inside.map(({ name }) => name);
  const meant = closestName(key, names);
  const remedy =
    names.length === 0
      ? 'there is nothing below it'
      : meant === undefined
        ? `there are ${names.join(', ')}`
        : `did you mean ${meant}?`;
  return usageError(`--selector ${text}: a ${desc.name.toLowerCase()} has no "${key}" there; ${remedy}`);
}

function matches(value: unknown, steps: readonly Step[], wanted: string): boolean {
  const [step, ...rest] = steps;
  if (Array.isArray(value)) {
    if (step !== undefined && /^[0-9]+$/.test(step.key))
      return matches(value[Number(step.key)], rest, wanted);
    return value.some((element) => matches(element, steps, wanted));
  }
  if (step === undefined) {
    return typeof value === 'object' ? value === null && wanted === '' : String(value) === wanted;
  }
  if (typeof value !== 'object' || value === null) return value === undefined && wanted === '';
  const found = Object.entries(value).find(([key]) => key === step.key)?.[1];
  const enumeration = step.field?.enum;
  if (rest.length === 0 && enumeration !== undefined && !Array.isArray(found)) {
    const full = String(found);
    return full === wanted.toUpperCase() || shortenName(enumeration, full) === wanted.toLowerCase();
  }
  return matches(found, rest, wanted);
}
