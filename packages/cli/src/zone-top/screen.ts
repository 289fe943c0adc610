import type { Cli } from '../cli.ts';
import { onResize, type TerminalSize, terminalSize } from '../terminal.ts';

/** A key that means something on a screen. */
export type Key = 'quit' | 'interrupt' | 'sort' | 'up' | 'down' | 'page-up' | 'page-down';

const keys: readonly (readonly [sequence: string, key: Key])[] = [
  ['\x1b[A', 'up'],
  ['\x1bOA', 'up'],
  ['\x1b[B', 'down'],
  ['\x1bOB', 'down'],
  ['\x1b[5~', 'page-up'],
  ['\x1b[6~', 'page-down'],
  ['\x03', 'interrupt'],
  ['q', 'quit'],
  ['Q', 'quit'],
  ['k', 'up'],
  ['j', 'down'],
  ['s', 'sort'],
];

/** The whole terminal, borrowed: what was on it comes back when it is closed. */
export interface Screen {
  readonly size: () => TerminalSize;
  draw(lines: readonly string[]): void;
  close(): void;
}

/** Takes the terminal over; `pressed` and `resized` are called until the screen is closed. */
export function openScreen(cli: Cli, pressed: (key: Key) => void, resized: () => void): Screen {
  const { stdin, stdout } = cli;
  const listener = (chunk: Buffer | string) => {
    for (const key of parseKeys(String(chunk))) pressed(key);
  };
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined;
  if (raw) {
    stdin.setRawMode?.(true);
    stdin.on('data', listener);
  }
  const stopResizing = onResize(cli, resized);
  stdout.write('\x1b[?1049h\x1b[?25l');
  return {
    size: () => terminalSize(cli) ?? { rows: 24, columns: 80 },
    draw(lines) {
      stdout.write(`\x1b[H${lines.map((line) => `\x1b[2K${line}`).join('\r\n')}\x1b[J`);
    },
    close() {
      stopResizing();
      stdout.write('\x1b[?25h\x1b[?1049l');
      if (!raw) return;
      stdin.off('data', listener);
      stdin.pause();
      stdin.setRawMode?.(false);
    },
  };
}

/** What follows the escape of a key's sequence. */
const sequenceRest = /^(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?/su;

/** The keys in what a terminal sent at once; others mean nothing. */
export function parseKeys(text: string): Key[] {
  const found: Key[] = [];
  for (let at = 0; at < text.length; ) {
    const [sequence, key] = keys.find(([one]) => text.startsWith(one, at)) ?? [unknownSequence(text, at)];
    if (key !== undefined) found.push(key);
    at += sequence.length;
  }
  return found;
}

/** An unknown sequence is skipped whole, so that its letters are not taken for keys. */
function unknownSequence(text: string, at: number): string {
  const first = text.charAt(at);
  return first === '\x1b' ? first + (sequenceRest.exec(text.slice(at + 1))?.[0] ?? '') : first;
}
