import { stringify } from 'smol-toml';
import { z } from 'zod';
import { type DaemonToml, daemonToml } from './daemon-schema.ts';
import { isTable } from './key-path.ts';
import { keyNotes } from './schema/key-notes.ts';
import { shapeOf } from './table-shape.ts';

const commentColumns = 100;

const introduction = [
  'Configuration of protect-daemon. All keys are here; lines that begin with "#" and no blank are examples.',
  'Restart protect-daemon after a change. "protect host config check" tells beforehand what is wrong; unknown keys and wrong values keep the daemon from starting.',
];

/** The text of a daemon.toml that says this, with every key explained; reading it gives the same again. */
export function formatDaemonToml(toml: DaemonToml): string {
  const lines = [...introduction.flatMap(comment), ...keysOf(daemonToml, [], toml, false)];
  return `${lines.join('\n')}\n`;
}

/** The keys of a table and all tables in it; `isExample` comments the settings out. */
function* keysOf(
  schema: z.core.$ZodType,
  path: readonly string[],
  value: unknown,
  isExample: boolean,
): Generator<string> {
  const shape = shapeOf(schema);
  if (shape.kind !== 'table') return;
  const given = isTable(value) ? value : {};
  const entries = Object.entries(shape.keys);
  for (const [key, inner] of entries) {
    if (shapeOf(inner).kind !== 'value') continue;
    const notes = keyNotes.get(inner);
    yield* comment(notes?.meaning ?? '');
    const isSet = given[key] !== undefined;
    yield setting(key, isSet ? given[key] : notes?.example, isExample || !isSet);
  }
  // Settings below a header belong to it, so all inner tables come last.
  for (const [key, inner] of entries) {
    if (shapeOf(inner).kind !== 'value') yield* table(inner, [...path, key], given[key], isExample);
  }
}

function* table(
  schema: z.core.$ZodType,
  path: readonly string[],
  value: unknown,
  isExample: boolean,
): Generator<string> {
  const shape = shapeOf(schema);
  const notes = keyNotes.get(schema);
  const isEmpty = !isTable(value) || Object.keys(value).length === 0;
  if (shape.kind === 'table') {
    const isShown = isExample || value === undefined;
    const hasSettings = Object.values(shape.keys).some((inner) => shapeOf(inner).kind === 'value');
    if (hasSettings) yield* header(path, notes?.meaning, isShown);
    yield* keysOf(schema, path, value ?? notes?.example, isShown);
  } else if (shape.kind === 'named' && shapeOf(shape.entry).kind === 'table') {
    yield '';
    yield* comment(notes?.meaning ?? '');
    for (const [name, entry] of Object.entries(filled(shape.entry, isEmpty ? notes?.example : value))) {
      yield* header([...path, name], undefined, isExample || isEmpty);
      yield* keysOf(shape.entry, [...path, name], entry, isExample || isEmpty);
    }
  } else {
    yield* header(path, notes?.meaning, isExample);
    for (const [name, entry] of Object.entries(isTable(value) && !isEmpty ? value : (notes?.example ?? {}))) {
      yield setting(name, entry, isExample || isEmpty);
    }
  }
}

/** The entries with their defaults, which examples leave out. */
function filled(schema: z.core.$ZodType, entries: unknown): Record<string, unknown> {
  if (!isTable(entries)) return {};
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, z.parse(schema, entry)]));
}

function* header(
  path: readonly string[],
  meaning: string | undefined,
  isExample: boolean,
): Generator<string> {
  if (meaning !== undefined) {
    yield '';
    yield* comment(meaning);
  }
  yield `${isExample ? '#' : ''}[${path.map(quoted).join('.')}]`;
}

function setting(key: string, value: unknown, isExample: boolean): string {
  return `${isExample ? '#' : ''}${stringify({ [key]: value }).trim()}`;
}

function quoted(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function comment(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < commentColumns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${word}`);
  }
  return lines;
}
