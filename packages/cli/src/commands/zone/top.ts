import { Command } from 'commander';
import { seconds } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { write } from '../../write.ts';
import { runTop } from '../../zone-top/run.ts';
import { createSampler } from '../../zone-top/sample.ts';
import { topLines } from '../../zone-top/view.ts';

/** `protect zone top`: a live screen on a terminal; elsewhere what it would show now. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('top')
      .description('watch how busy the zones are, and their memory; q quits, s sorts, arrows scroll')
      .option('-d, --delay <seconds>', 'time between two looks', seconds(0.1, 3_600), 1),
    ['protect zone top', 'a screen that goes on until q is pressed'],
    ['protect zone top | head', 'the same once, as text'],
  ).action(async (options: { readonly delay: number }) => {
    if (cli.stdout.isTTY === true && cli.env.TERM !== 'dumb') return runTop(cli, options.delay * 1000);
    const sample = await createSampler(cli.control)(cli.interrupted);
    const lines = topLines(sample, Date.now());
    return write(cli.stdout, lines.map((line) => `${line}\n`).join(''));
  });
}
