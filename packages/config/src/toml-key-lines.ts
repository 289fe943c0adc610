import { parse } from 'smol-toml';
import type { KeyPath } from './schema-walk.ts';

/** One place of a document where a key is set, a table is opened, or an element of an array stands. */
export interface KeyPlace {
  readonly path: KeyPath;
  /** From 1. */
  readonly line: number;
  /** False for a table that is only passed on the way to something inside it. */
  readonly isItself: boolean;
}

/**
 * Where the keys of a TOML document stand, in the order of the text. The parser keeps no positions, so
 * this reads the text again; it expects a document that the parser has accepted.
 */
export function tomlKeyLines(text: string): KeyPlace[] {
  const places: KeyPlace[] = [];
  let offset = 0;
  let line = 1;

  /** Advances to `end`, counting lines. */
  function moveTo(end: number): void {
    for (; offset < end; offset++) if (text.charAt(offset) === '\n') line++;
  }

  function skipBlanks(): void {
    for (;;) {
      const char = text.charAt(offset);
      if (char === '#') moveTo(endOfLine(text, offset));
      else if (char !== '' && /\s/.test(char)) moveTo(offset + 1);
      else return;
    }
  }

  /** Reads a dotted key and notes each of its parts; stops at what follows it. */
  function readKey(table: KeyPath): KeyPath {
    let path = table;
    for (;;) {
      skipBlanks();
      const char = text.charAt(offset);
      const isQuoted = char === '"' || char === "'";
      const end = isQuoted ? endOfString(text, offset) : endOfBareKey(text, offset);
      const raw = text.slice(offset, end);
      path = [...path, isQuoted ? unquote(raw) : raw];
      const at = line;
      moveTo(end);
      skipBlanks();
      const goesOn = text.charAt(offset) === '.';
      places.push({ path, line: at, isItself: !goesOn });
      if (!goesOn) return path;
      moveTo(offset + 1);
    }
  }

  function readValue(path: KeyPath): void {
    skipBlanks();
    const char = text.charAt(offset);
    if (char === '[') {
      readItems(']', (index) => {
        const element = [...path, index];
        places.push({ path: element, line, isItself: true });
        readValue(element);
      });
    } else if (char === '{') {
      readItems('}', () => readSetting(path));
    } else if (char === '"' || char === "'") {
      moveTo(endOfString(text, offset));
    } else {
      moveTo(endOfScalar(text, offset));
    }
  }

  function readItems(closing: ']' | '}', readItem: (index: number) => void): void {
    moveTo(offset + 1);
    for (let index = 0; offset < text.length; index++) {
      skipBlanks();
      if (text.charAt(offset) === closing) break;
      readItem(index);
      skipBlanks();
      if (text.charAt(offset) !== ',') break;
      moveTo(offset + 1);
    }
    moveTo(offset + 1);
  }

  function readSetting(table: KeyPath): void {
    const path = readKey(table);
    // The equals sign.
    moveTo(offset + 1);
    readValue(path);
  }

  let table: KeyPath = [];
  const elements = new Map<string, number>();
  for (skipBlanks(); offset < text.length; skipBlanks()) {
    if (text.startsWith('[[', offset)) {
      moveTo(offset + 2);
      const array = readKey([]);
      const index = elements.get(JSON.stringify(array)) ?? 0;
      elements.set(JSON.stringify(array), index + 1);
      table = [...array, index];
      places.push({ path: table, line, isItself: true });
      moveTo(endOfLine(text, offset));
    } else if (text.charAt(offset) === '[') {
      moveTo(offset + 1);
      table = readKey([]);
      moveTo(endOfLine(text, offset));
    } else {
      const before = offset;
      readSetting(table);
      // A text that the parser refuses must not hold the scan up for ever.
      if (offset === before) moveTo(offset + 1);
    }
  }
  return places;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function endOfBareKey(text: string, from: number): number {
  let end = from;
  while (end < text.length && /[^\s.=\]#]/.test(text.charAt(end))) end++;
  return end;
}

/** Numbers, booleans and times: a time may have a blank in it. */
function endOfScalar(text: string, from: number): number {
  let end = from;
  while (end < text.length && !/[,\]}\n#]/.test(text.charAt(end))) end++;
  return end;
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

function unquote(quoted: string): string {
  try {
    const { value } = parse(`value = ${quoted}`);
    return typeof value === 'string' ? value : quoted;
  } catch {
    return quoted;
  }
}
