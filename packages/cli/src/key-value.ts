/** `a.b.0.c="v"` for every leaf of a JSON value, on one line. */
export function keyValueLine(value: unknown): string {
  return [...leaves(value, '')].map(([key, text]) => `${key}="${quote(text)}"`).join(' ');
}

function* leaves(value: unknown, path: string): Generator<[string, string]> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      yield* leaves(inner, path === '' ? key : `${path}.${key}`);
    }
  } else if (value !== undefined) {
    yield [path, String(value)];
  }
}

/** Keeps a line one line, and its quotes paired. */
function quote(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
}
