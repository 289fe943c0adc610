import type { Argument, Command, Option } from 'commander';

/** What the word under the cursor is. */
export type Position =
  | { readonly kind: 'command'; readonly group: Command }
  | { readonly kind: 'option'; readonly command: Command }
  /** `prefix` stands before the value in the same word, as in `--output=`. */
  | { readonly kind: 'value'; readonly option: Option; readonly prefix: string }
  | { readonly kind: 'argument'; readonly command: Command; readonly argument: Argument | undefined };

/** Finds what the last of the words is to be; undefined behind a word that is no command. */
export function positionOf(program: Command, words: readonly string[]): Position | undefined {
  const current = words.at(-1) ?? '';
  let command = program;
  let waiting: Option | undefined;
  let taken = 0;
  let onlyArguments = false;
  for (const word of words.slice(0, -1)) {
    if (waiting !== undefined) {
      waiting = undefined;
    } else if (!onlyArguments && word === '--') {
      onlyArguments = true;
    } else if (!onlyArguments && word.startsWith('-') && word !== '-') {
      waiting = optionAwaitingValue(command, word);
    } else if (command.commands.length > 0) {
      const inner = command.commands.find((one) => one.name() === word);
      if (inner === undefined) return undefined;
      command = inner;
    } else {
      taken++;
      // Behind a command for elsewhere everything is that command's own.
      if (command.registeredArguments[taken - 1]?.variadic || isBeforeCommand(command, taken))
        onlyArguments = true;
    }
  }
  if (waiting !== undefined) return { kind: 'value', option: waiting, prefix: '' };
  if (!onlyArguments && current.startsWith('--') && current.includes('=')) {
    const [name = ''] = current.split('=', 1);
    const option = command.options.find(({ long }) => long === name);
    return option && takesValue(option) ? { kind: 'value', option, prefix: `${name}=` } : undefined;
  }
  if (!onlyArguments && current.startsWith('-')) return { kind: 'option', command };
  if (command.commands.length > 0) return { kind: 'command', group: command };
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[taken] ?? (last?.variadic ? last : undefined);
  return { kind: 'argument', command, argument };
}

/** Tells whether the next argument begins a command line of its own. */
function isBeforeCommand(command: Command, taken: number): boolean {
  return command.registeredArguments[taken]?.variadic === true;
}

/** The option of a word that has its value in the next one; of several short ones the last can have one. */
function optionAwaitingValue(command: Command, word: string): Option | undefined {
  if (word.startsWith('--')) {
    const option = command.options.find(({ long }) => long === word);
    return option && takesValue(option) ? option : undefined;
  }
  for (const [index, letter] of [...word.slice(1)].entries()) {
    const option = command.options.find(({ short }) => short === `-${letter}`);
    if (option && takesValue(option)) return index === word.length - 2 ? option : undefined;
  }
  return undefined;
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}
