import type { OutputStream } from './cli.ts';

/** Colours are for people: only on a terminal, and not where they are unwanted (https://no-color.org). */
export function showsColours(
  stream: OutputStream,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** The colours there are, each with a meaning: failed, on its way, well, taken, told aside. */
const codes = { red: 31, yellow: 33, green: 32, blue: 34, grey: 90 } as const;

export type Colour = keyof typeof codes;

/** The text in a colour, and what follows in none. */
export function inColour(text: string, colour: Colour): string {
  return `\x1b[${codes[colour]}m${text}\x1b[39m`;
}
