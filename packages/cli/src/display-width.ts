const graphemes = new Intl.Segmenter();
const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Columns of a terminal that the text takes. */
export function displayWidth(text: string): number {
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += segmentWidth(segment);
  return columns;
}

/** The text with spaces up to `columns`. */
export function padColumns(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)));
}

/** As much of the text as fits; what is cut off shows as `…`. */
export function fitColumns(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let fitted = '';
  let taken = 0;
  for (const { segment } of graphemes.segment(text)) {
    const width = segmentWidth(segment);
    if (taken + width > columns - 1) break;
    fitted += segment;
    taken += width;
  }
  return columns < 1 ? '' : `${fitted}…`;
}

function segmentWidth(segment: string): number {
  if (invisible.test(segment)) return 0;
  return wide.test(segment) ? 2 : 1;
}
