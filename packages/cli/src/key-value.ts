/** `a.b.0.c="v"` for every leaf of a JSON value, on one line. */
export function keyValueLine(value: unknown): string {
  return keyValuePairs(leaves(value, []));
}

/** The same for values whose paths are known. Names with other than plain characters are quoted. */
export function keyValuePairs(pairs: Iterable<readonly [path: readonly string[], value: string]>): string {
  return [...pairs].map(([path, value]) => `${path.map(plainName).join('.')}=${quoted(value)}`).join(' ');
}

function* leaves(value: unknown, path: readonly string[]): Generator<[string[], string]> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key]);
  } else if (value !== undefined) {
    yield [[...path], String(value)];
  }
}

function plainName(name: string): string {
  return /^[\w./:@-]+$/.test(name) ? name : quoted(name);
}

const escapes = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** Keeps a line one line, and its quotes paired. */
function quoted(text: string): string {
  const escaped = text.replaceAll(
    /[\\"\p{Cc}\p{Zl}\p{Zp}]/gu,
    (character) => escapes.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}
