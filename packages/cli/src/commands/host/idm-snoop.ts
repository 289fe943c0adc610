import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { addOutputOption, outputFormat } from '../../output-format.ts';
import { type SnoopFormat, snoopFormats, snoopLine } from '../../snoop-line.ts';
import { write } from '../../write.ts';

/** `protect host idm-snoop`: a line for each message between zones and daemon, from now on. */
export function command(cli: Cli): Command {
  return withExamples(
    addOutputOption(
      new Command('idm-snoop').description('print the messages between zones and daemon from now on'),
      snoopFormats,
    ),
    ['protect host idm-snoop', 'each message as a line'],
    ['protect host idm-snoop -o jsonl | jq .packet.decoded', 'only what is in them'],
  ).action(async (options: { readonly output: SnoopFormat; readonly format?: SnoopFormat }) => {
    const format = outputFormat(options);
    for await (const { packets, skipped } of cli.control.snoopIdm({})) {
      if (skipped > 0n)
        await write(cli.stderr, `${skipped} messages were left out: this reader is too slow\n`);
      await write(cli.stdout, packets.map((packet) => `${snoopLine(packet, format)}\n`).join(''));
    }
  });
}
