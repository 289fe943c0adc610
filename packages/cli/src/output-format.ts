import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import { type Command, Option } from 'commander';
import type { Cli } from './cli.ts';
import { showsColours } from './colours.ts';
import { escapeControls } from './escape-controls.ts';
import { keyValueLine } from './key-value.ts';
import { printable } from './printable.ts';
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
export interface Listing<Item> {
  readonly json: (item: Item) => unknown;
  readonly header: readonly string[];
  /** Cells of a table; `index` counts from 0. */
  readonly row: (item: Item, index: number) => readonly Cell[];
  /** Columns of the tab-separated form. */
  readonly simple: (item: Item) => readonly string[];
  /** Said instead of a table without rows. */
  readonly empty: string;
}

/** Prints a list in one of its formats. */
export async function printList<Item>(
  cli: Cli,
  listing: Listing<Item>,
  items: readonly Item[],
  format: ListFormat,
): Promise<void> {
  const json = () => items.map(listing.json);
  const lines = (of: readonly string[]) => of.map((line) => `${line}\n`).join('');
  switch (format) {
    case 'table':
      return write(
        cli.stdout,
        items.length === 0
          ? `${listing.empty}\n`
          : renderTable(
              listing.header,
              items.map((item, index) => listing.row(item, index)),
              showsColours(cli.stdout, cli.env),
            ),
      );
    case 'simple':
      return write(cli.stdout, lines(items.map((item) => listing.simple(item).map(printable).join('\t'))));
    case 'key-value':
      return write(cli.stdout, lines(json().map(keyValueLine)));
    case 'jsonl':
      return write(cli.stdout, lines(json().map((item) => jsonText(item))));
    default:
      return write(cli.stdout, await structured(json(), format));
  }
}

/** Formats of one object; `simple` is what a person or a shell wants to read of it. */
export const objectFormats = ['simple', 'json', 'json-pretty', 'yaml', 'key-value'] as const;

export type ObjectFormat = (typeof objectFormats)[number];

/** Prints one object in one of its formats. */
export async function printObject<Desc extends DescMessage>(
  cli: Cli,
  desc: Desc,
  item: MessageShape<Desc>,
  format: ObjectFormat,
  simple: (item: MessageShape<Desc>) => string,
): Promise<void> {
  if (format === 'simple') return write(cli.stdout, `${simple(item)}\n`);
  const json = toJson(desc, item);
  if (format === 'key-value') return write(cli.stdout, `${keyValueLine(json)}\n`);
  return write(cli.stdout, await structured(json, format));
}

/** Prints one object in a format that keeps its structure. */
export async function structured(value: unknown, format: 'json' | 'json-pretty' | 'yaml'): Promise<string> {
  if (format === 'json') return `${jsonText(value)}\n`;
  if (format === 'json-pretty') return `${jsonText(value, 2)}\n`;
  const { yamlText } = await import('./yaml-text.ts');
  return yamlText(value);
}

/** JSON that means the same and moves no cursor: what JSON leaves as it is of control characters is escaped. */
export function jsonText(value: unknown, indent?: number): string {
  return escapeControls(JSON.stringify(value, undefined, indent) ?? 'null');
}
