import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { closest } from './closest.ts';
import type { ConfigurationProblem } from './configuration-error.ts';
import { type DaemonToml, daemonToml } from './daemon-schema.ts';
import { deviceMistakes, type Mistake } from './device-mistakes.ts';
import { formatKeyPath, isTable, showValue, valueAt } from './key-path.ts';
import { registryMistakes } from './registry-mistakes.ts';
import { nameRule } from './schema/key-kinds.ts';
import {
  canonicalPath,
  type KeyPath,
  knownKeys,
  nameRuleAt,
  notesAt,
  schemaUnder,
  unwrapped,
} from './schema-walk.ts';
import { tomlKeyLines } from './toml-key-lines.ts';

/** What a text says, and all that is wrong with it as far as the text alone can tell. */
export interface DaemonTomlReading {
  /** With every default filled in; undefined when there is a problem. */
  readonly toml: DaemonToml | undefined;
  /** As written, under the schema's own spelling of the keys; empty when the text is no TOML. */
  readonly document: Readonly<Record<string, unknown>>;
  /** In the order of the text. */
  readonly problems: readonly ConfigurationProblem[];
  /** A problem with what stands at `path`. */
  readonly problemAt: (path: KeyPath, message: string) => ConfigurationProblem;
}

/** Reads daemon.toml; `file` is only named in problems. Never throws. */
export function readDaemonToml(text: string, file: string): DaemonTomlReading {
  const parsed = parseToml(text, file);
  if ('problem' in parsed) {
    const { problem } = parsed;
    const problemAt = (path: KeyPath, message: string) => ({ file, key: formatKeyPath(path), message });
    return { toml: undefined, document: {}, problems: [problem], problemAt };
  }
  const lineOf = keyLines(text);
  const mistakes: Mistake[] = [];
  const document = spelledBySchema(daemonToml, parsed.document, [], mistakes);
  function problemAt(path: KeyPath, message: string): ConfigurationProblem {
    const line = lineOf(path);
    const value = valueAt(document, path);
    return {
      file,
      ...(line === undefined ? {} : { line }),
      key: formatKeyPath(path),
      ...(value === undefined ? {} : { value: showValue(value) }),
      message,
    };
  }
  const result = daemonToml.safeParse(document);
  for (const issue of result.error?.issues ?? []) mistakes.push(...mistakesOf(issue, document));
  mistakes.push(...deviceMistakes(document), ...registryMistakes(document));
  const problems = mistakes.map(({ path, message }) => problemAt(path, message));
  return {
    toml: problems.length === 0 ? result.data : undefined,
    document,
    problems: inOrder(problems),
    problemAt,
  };
}

/** Problems by line, each once. */
export function inOrder(problems: readonly ConfigurationProblem[]): ConfigurationProblem[] {
  const distinct = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...distinct.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

function parseToml(
  text: string,
  file: string,
): { readonly document: Record<string, unknown> } | { readonly problem: ConfigurationProblem } {
  try {
    return { document: parse(text, { unsafeKeyBehaviour: 'throw' }) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    const [summary = ''] = message.replace(/^Invalid TOML document: /, '').split('\n');
    return { problem: { file, line, column, key: '', message: `not valid TOML: ${summary}` } };
  }
}

/** The line of what stands at a path, or failing that of the nearest table around it. */
function keyLines(text: string): (path: KeyPath) => number | undefined {
  const lines = new Map<string, { line: number; isItself: boolean }>();
  for (const { path, line, isItself } of tomlKeyLines(text)) {
    for (const spelling of [path, canonicalPath(daemonToml, path)]) {
      const key = JSON.stringify(spelling);
      const known = lines.get(key);
      if (known === undefined || (isItself && !known.isItself)) lines.set(key, { line, isItself });
    }
  }
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const found = lines.get(JSON.stringify(path.slice(0, length)));
      if (found !== undefined) return found.line;
    }
    return undefined;
  };
}

/**
 * Takes underscores in the schema's keys for hyphens; the keys that users choose stay as they are. Of a key
 * that is written both ways the first counts.
 */
function spelledBySchema(
  schema: z.core.$ZodType,
  value: Record<string, unknown>,
  path: KeyPath,
  mistakes: Mistake[],
): Record<string, unknown> {
  const spelled: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const under = schemaUnder(unwrapped(schema), key);
    const known = String(under?.key ?? key);
    if (Object.hasOwn(spelled, known)) {
      const message = `is set twice, as ${known} and with underscores; keep one of the two`;
      mistakes.push({ path: [...path, key], message });
      continue;
    }
    const below = under !== undefined && isTable(inner);
    spelled[known] = below ? spelledBySchema(under.schema, inner, [...path, known], mistakes) : inner;
  }
  return spelled;
}

function* mistakesOf(issue: z.core.$ZodIssue, document: unknown): Generator<Mistake> {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const allowed = notesAt(daemonToml, path)?.allowed ?? 'a table';
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(daemonToml, path);
    for (const key of issue.keys) {
      const meant = closest(key, known);
      const remedy = meant === undefined ? `known keys here: ${known.join(', ')}` : `did you mean ${meant}?`;
      yield { path: [...path, key], message: `unknown key; ${remedy}` };
    }
  } else if (issue.code === 'invalid_key') {
    const rule = nameRuleAt(daemonToml, path.slice(0, -1)) ?? nameRule;
    yield { path, message: `has a name that cannot be used; it must be ${rule}` };
  } else if (valueAt(document, path) === undefined) {
    yield { path, message: `is missing; it must be ${allowed}` };
  } else if (issue.code === 'custom' && issue.message !== 'Invalid input') {
    yield { path, message: issue.message };
  } else {
    yield { path, message: `must be ${allowed}` };
  }
}
