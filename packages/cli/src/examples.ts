import type { Command } from 'commander';

/** A command line, and what it does. */
export type Example = readonly [line: string, meaning: string];

const examples = new WeakMap<Command, readonly Example[]>();

/** Shows examples at the end of a command's help. */
export function withExamples(command: Command, ...lines: readonly Example[]): Command {
  examples.set(command, lines);
  const text = lines.map(([line, meaning]) => `  ${line}\n      ${meaning}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${text}`);
}

export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? [];
}
