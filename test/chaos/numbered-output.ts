/**
 * A program for `sh -c` that prints `line 1`, `line 2` and so on until /tmp/end exists, and then `last N` with the
 * number of its last line: a gap or a repetition in what is kept of it shows.
 */
export const countingProgram =
  'i=0; until [ -e /tmp/end ]; do i=$((i+1)); echo "line $i"; usleep 100000; done; echo "last $i"';

/**
 * How many lines the output has. Throws, with the place, unless they are all there in order and once: to the
 * program's own end when `whole`, and else up to some point, which may be within a line.
 */
export function countLines(output: string, whole: boolean): number {
  const lines = output.split('\n');
  // What follows the last newline: nothing, or a line that is cut off.
  const rest = lines.pop() ?? '';
  const closing = lines.at(-1)?.startsWith('last ') ? lines.pop() : undefined;
  const wrong = lines.findIndex((line, index) => line !== `line ${index + 1}`);
  if (wrong !== -1) {
    const seen = lines.slice(Math.max(wrong - 2, 0), wrong + 3).join(' | ');
    throw new Error(`line ${wrong + 1} of the output is ${JSON.stringify(lines[wrong])}: … ${seen} …`);
  }
  const count = lines.length;
  if (closing !== undefined && closing !== `last ${count}`) {
    throw new Error(`the output has ${count} lines and ends with ${JSON.stringify(closing)}`);
  }
  if (whole && (closing === undefined || rest !== '')) {
    throw new Error(
      `the output stops after line ${count} and ${JSON.stringify(rest)}, before its program’s end`,
    );
  }
  const next = closing === undefined ? [`line ${count + 1}`, `last ${count}`] : [''];
  if (!next.some((line) => line.startsWith(rest))) {
    throw new Error(`after line ${count} the output has ${JSON.stringify(rest)}`);
  }
  return count;
}
