import { expect } from 'vitest';

/** A script that prints numbered lines until told to end by a file, so that a gap or a repetition in its output shows. */
export function countingScript(pauseMs: number): string {
  const line = `i=$((i+1)); echo "line $i"; usleep ${pauseMs * 1000}`;
  return `i=0; until [ -e /tmp/end ]; do ${line}; done; echo "last $i"`;
}

/** Expects all that the script printed, once and in order, and its last line, which tells how much that is. */
export function expectWhole(output: string): void {
  const lines = output.trimEnd().split('\n');
  const last = Number(/^last (\d+)$/.exec(lines.pop() ?? '')?.[1]);
  expect(last, `the end of ${JSON.stringify(output.slice(-200))}`).toBeGreaterThan(0);
  expect(lines).toEqual(Array.from({ length: last }, (_, index) => `line ${index + 1}`));
}
