import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import { type Command, Option } from 'commander';
import type { Cli } from './cli.ts';
import { keyValueLine } from './key-value.ts';
import { type Cell, renderTable } from './table.ts';
import { write } from './write.ts';

/** Formats of lists; the first is the default. */
export const listFormats = ['table', 'json', 'json-pretty', 'jsonl', 'yaml', 'key-value', 'simple'] as const;

export type ListFormat = (typeof listFormats)[number];

/** Adds `-o, --output` with the older name `--format`, and `-f` where the command has no other use for it. */
export function addOutputOption<Format extends string>(
  command: Command,
  formats: readonly [Format, ...Format[]],
  options: { readonly shortFormat?: boolean } = {},
): Command {
  const alias = options.shortFormat === false ? '--format <format>' : '-f, --format <format>';
  return command
    .addOption(new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]))
    .addOption(new Option(alias, 'the same as --output').choices(formats).hideHelp());
}

/** What the options above say. */
export function outputFormat<Format extends string>(options: {
  readonly output: Format;
  readonly format?: Format;
}): Format {
  return options.format ?? options.output;
}

/** How one kind of object is listed. */
export interface Listing<Desc extends DescMessage> {
  readonly desc: Desc;
  readonly header: readonly string[];
  readonly row: (item: MessageShape<Desc>) => readonly Cell[];
  /** Columns of the tab-separated form. */
  readonly simple: (item: MessageShape<Desc>) => readonly string[];
  /** Said instead of a table without rows. */
  readonly empty: string;
}

/** Prints a list in one of its formats. */
export async function printList<Desc extends DescMessage>(
  cli: Cli,
  listing: Listing<Desc>,
  items: readonly MessageShape<Desc>[],
  format: ListFormat,
): Promise<void> {
  const json = () => items.map((item) => toJson(listing.desc, item));
  const lines = (of: readonly string[]) => of.map((line) => `${line}\n`).join('');
  switch (format) {
    case 'table':
      return write(
        cli.stdout,
        items.length === 0
          ? `${listing.empty}\n`
          : renderTable(listing.header, items.map(listing.row), showsColours(cli)),
      );
    case 'simple':
      return write(cli.stdout, lines(items.map((item) => listing.simple(item).map(oneField).join('\t'))));
    case 'key-value':
      return write(cli.stdout, lines(json().map(keyValueLine)));
    case 'jsonl':
      return write(cli.stdout, lines(json().map((item) => JSON.stringify(item))));
    default:
      return write(cli.stdout, await structured(json(), format));
  }
}

/** Prints one object in a format that keeps its structure. */
export async function structured(value: unknown, format: 'json' | 'json-pretty' | 'yaml'): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value)}\n`;
  if (format === 'json-pretty') return `${JSON.stringify(value, undefined, 2)}\n`;
  const { stringify } = await import('yaml');
  return stringify(value);
}

/** Colours are for people: only on a terminal, and not where they are unwanted (https://no-color.org). */
export function showsColours(cli: Pick<Cli, 'stdout' | 'env'>): boolean {
  return cli.stdout.isTTY === true && !cli.env.NO_COLOR && cli.env.TERM !== 'dumb';
}

function oneField(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}
