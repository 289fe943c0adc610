import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { candidates } from '../completion/candidates.ts';
import { completeCommand, filesDirective } from '../completion/scripts.ts';
import { printable } from '../printable.ts';
import { buildProgram } from '../program.ts';
import { write } from '../write.ts';

/** What the completion scripts ask: a line for each word that could stand in place of the last one. */
export function command(cli: Cli): Command {
  return new Command(completeCommand)
    .description('print how the last of these words could go on')
    .argument('[words...]', 'words behind protect')
    .action(async (given: string[]) => {
      const words = given.length === 0 ? [''] : given.map(unquoted);
      const found = await candidates(cli, await buildProgram(cli, words), words);
      if (found === 'files') return write(cli.stdout, `${filesDirective}\n`);
      const lines = new Set(
        found.map(({ word, description }) => `${printable(word)}\t${printable(description)}\n`),
      );
      return write(cli.stdout, [...lines].join(''));
    });
}

/** Shells hand words over as they were typed, the last one perhaps with a quote that is still open. */
function unquoted(word: string): string {
  const quote = word[0];
  if (quote === '"' || quote === "'")
    return word.slice(1, word.length > 1 && word.endsWith(quote) ? -1 : undefined);
  return word.replaceAll(/\\(.)/g, '$1');
}
