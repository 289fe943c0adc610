import { type Colour, inColour } from './colours.ts';
import { displayWidth, padColumns } from './display-width.ts';
import { printable } from './printable.ts';

/** A cell, and the colour of its text where colours are shown. */
export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

/** A table in box-drawing characters: a header line, then one line a row. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  colours: boolean,
): string {
  const texts = rows.map((row) => row.map(({ text }) => printable(text)));
  const widths = header.map((title, column) =>
    Math.max(displayWidth(title), ...texts.map((row) => displayWidth(row[column] ?? ''))),
  );
  const rule = (left: string, fill: string, middle: string, right: string) =>
    left + widths.map((size) => fill.repeat(size + 2)).join(middle) + right;
  const line = (cells: readonly string[]) => `│ ${cells.join(' ┆ ')} │`;
  const pad = (text: string, column: number) => padColumns(text, widths[column] ?? 0);
  return [
    rule('┌', '─', '┬', '┐'),
    line(header.map(pad)),
    rule('╞', '═', '╪', '╡'),
    ...rows.map((row, index) =>
      line(
        row.map(({ colour }, column) => {
          const text = pad(texts[index]?.[column] ?? '', column);
          return colours && colour !== undefined ? inColour(text, colour) : text;
        }),
      ),
    ),
    rule('└', '─', '┴', '┘'),
    '',
  ].join('\n');
}
