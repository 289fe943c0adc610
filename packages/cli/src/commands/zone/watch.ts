import { toJson } from '@bufbuild/protobuf';
import { type ZoneChangedEvent, ZoneChangedEventSchema } from '@protect/proto/control';
import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { keyValueLine } from '../../key-value.ts';
import { addOutputOption, outputFormat } from '../../output-format.ts';
import { printable } from '../../printable.ts';
import { write } from '../../write.ts';
import { zoneListing } from '../../zone-listing.ts';

const formats = ['simple', 'json', 'key-value'] as const;

type Format = (typeof formats)[number];

/** `protect zone watch`: a line for each change of a zone, from now on. */
export function command(cli: Cli): Command {
  return withExamples(
    addOutputOption(
      new Command('watch').description('print a line for each change of a zone from now on'),
      formats,
    ),
    ['protect zone watch', 'a line for each change'],
    ['protect zone watch -o json | jq .zone.status.state', 'only the states'],
  ).action(async (options: { readonly output: Format; readonly format?: Format }) => {
    const format = outputFormat(options);
    for await (const { event } of cli.control.watchEvents({})) {
      if (event.case === 'zoneChanged') await write(cli.stdout, `${zoneChangedLine(event.value, format)}\n`);
    }
  });
}

/** One change in one of the formats. */
export function zoneChangedLine(event: ZoneChangedEvent, format: Format): string {
  if (format === 'simple') {
    return event.zone === undefined ? '' : zoneListing.simple(event.zone).map(printable).join('\t');
  }
  const json = toJson(ZoneChangedEventSchema, event);
  const typed = { ...(typeof json === 'object' ? json : {}), 'event.type': 'zone.changed' };
  return format === 'json' ? JSON.stringify(typed) : keyValueLine(typed);
}
