/** Finds the line (from 1) on which a key, or failing that its nearest known ancestor, is set. */
export type KeyLines = (path: readonly (string | number)[]) => number | undefined;

/**
 * Where the keys of a TOML document stand. The parser keeps no positions, so this scans the text again;
 * it expects a document that the parser has accepted, and skips values instead of reading them. Keys
 * inside inline tables count as their outer key.
 */
export function tomlKeyLines(text: string): KeyLines {
  const lines = new Map<string, number>();
  let table: string[] = [];
  let offset = 0;
  let line = 1;

  const note = (path: readonly string[], at: number) => {
    for (let length = 1; length <= path.length; length++) {
      const key = JSON.stringify(path.slice(0, length));
      if (!lines.has(key) || length === path.length) lines.set(key, at);
    }
  };

  while (offset < text.length) {
    const char = text.charAt(offset);
    if (char === '\n') {
      line++;
      offset++;
    } else if (/\s/.test(char)) {
      offset++;
    } else if (char === '#') {
      offset = endOfLine(text, offset);
    } else if (char === '[') {
      const start = text.startsWith('[[', offset) ? offset + 2 : offset + 1;
      const key = readKey(text, start);
      table = key.path;
      note(table, line);
      offset = endOfLine(text, key.end);
    } else {
      const key = readKey(text, offset);
      note([...table, ...key.path], line);
      const end = skipValue(text, key.end + 1);
      line += text.slice(key.end, end).split('\n').length - 1;
      // A character that is no key would stop the scan here for ever; the parser refuses such text.
      offset = Math.max(end, offset + 1);
    }
  }

  return (path) => {
    const names = path.map(String);
    for (let length = names.length; length > 0; length--) {
      const found = lines.get(JSON.stringify(names.slice(0, length)));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** Reads a dotted key; `end` is the offset of what ends it (`=` or `]`). */
function readKey(text: string, from: number): { path: string[]; end: number } {
  const path: string[] = [];
  let part = '';
  let offset = from;
  for (; offset < text.length; offset++) {
    const char = text.charAt(offset);
    if (char === '=' || char === ']' || char === '\n') break;
    if (char === '.') {
      path.push(part);
      part = '';
    } else if (char === '"' || char === "'") {
      const end = endOfString(text, offset);
      part = unquote(text.slice(offset, end));
      offset = end - 1;
    } else if (!/\s/.test(char)) {
      part += char;
    }
  }
  path.push(part);
  return { path, end: offset };
}

function unquote(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1);
  try {
    const value: unknown = JSON.parse(quoted);
    return typeof value === 'string' ? value : quoted;
  } catch {
    // TOML has escapes that JSON lacks (\U, \e); such a key merely goes without a line number.
    return quoted.slice(1, -1);
  }
}

function endOfString(text: string, from: number): number {
  const quote = text.charAt(from);
  const fence = quote.repeat(3);
  const multiLine = text.startsWith(fence, from);
  const closing = multiLine ? fence : quote;
  let offset = from + closing.length;
  while (offset < text.length && !text.startsWith(closing, offset)) {
    offset += quote === '"' && text.charAt(offset) === '\\' ? 2 : 1;
  }
  offset += closing.length;
  // Up to two quotes may stand directly before the closing fence and belong to the string.
  while (multiLine && text.charAt(offset) === quote) offset++;
  return Math.min(offset, text.length);
}

/** Offset of the end of the value that starts at or after `from`: a newline outside strings and brackets. */
function skipValue(text: string, from: number): number {
  let depth = 0;
  let offset = from;
  while (offset < text.length) {
    const char = text.charAt(offset);
    if (char === '"' || char === "'") {
      offset = endOfString(text, offset);
    } else if (char === '#') {
      offset = endOfLine(text, offset);
    } else if (char === '\n' && depth === 0) {
      return offset;
    } else {
      if (char === '[' || char === '{') depth++;
      if (char === ']' || char === '}') depth--;
      offset++;
    }
  }
  return offset;
}
