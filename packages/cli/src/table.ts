/** A cell, and the colour of its text where colours are shown. */
export interface Cell {
  readonly text: string;
  readonly colour?: 'red' | 'yellow' | 'green';
}

const colourCodes = { red: 31, yellow: 33, green: 32 };
const graphemes = new Intl.Segmenter();
const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** A table in box-drawing characters: a header line, then one line a row. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  colours: boolean,
): string {
  const texts = rows.map((row) => row.map(({ text }) => printable(text)));
  const widths = header.map((title, column) =>
    Math.max(width(title), ...texts.map((row) => width(row[column] ?? ''))),
  );
  const rule = (left: string, fill: string, middle: string, right: string) =>
    left + widths.map((size) => fill.repeat(size + 2)).join(middle) + right;
  const line = (cells: readonly string[]) => `│ ${cells.join(' ┆ ')} │`;
  const pad = (text: string, column: number) =>
    text + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(text)));
  return [
    rule('┌', '─', '┬', '┐'),
    line(header.map(pad)),
    rule('╞', '═', '╪', '╡'),
    ...rows.map((row, index) =>
      line(
        row.map(({ colour }, column) => {
          const text = pad(texts[index]?.[column] ?? '', column);
          return colours && colour !== undefined ? `\x1b[${colourCodes[colour]}m${text}\x1b[39m` : text;
        }),
      ),
    ),
    rule('└', '─', '┴', '┘'),
    '',
  ].join('\n');
}

/** Names come from callers of the API: nothing in them may move the cursor. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

/** Columns of a terminal that the text takes. */
function width(text: string): number {
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += wide.test(segment) ? 2 : 1;
  return columns;
}
