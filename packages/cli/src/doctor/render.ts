import { inColour } from '../colours.ts';
import { printable } from '../printable.ts';
import type { Finding } from './finding.ts';

const marks = { ok: '✓', warning: '!', failed: '✗' } as const;
const colours = { ok: 'green', warning: 'yellow', failed: 'red' } as const;

/** A line for each finding, what to do below those that need it, and a last line that sums up. */
export function renderFindings(findings: readonly Finding[], showColours: boolean): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, status, detail, remedy }) => {
    const mark = showColours ? inColour(marks[status], colours[status]) : marks[status];
    const line = `${mark} ${name.padEnd(width)}  ${oneLine(detail)}`;
    return remedy === undefined ? [line] : [line, `${' '.repeat(width + 4)}→ ${oneLine(remedy)}`];
  });
  return [...lines, '', summary(findings), ''].join('\n');
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length;
  const [wrong, doubtful] = [count('failed'), count('warning')];
  if (wrong === 0 && doubtful === 0) return 'Everything is in order.';
  if (wrong === 0) return `Nothing is broken; ${doubtful} to look at (!).`;
  return `${wrong} to mend (✗), ${doubtful} to look at (!).`;
}

function oneLine(text: string): string {
  return printable(text.trim().replaceAll(/\s*\n\s*/g, '; '));
}
