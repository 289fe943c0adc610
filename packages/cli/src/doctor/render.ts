import type { Finding } from './finding.ts';

const marks = { ok: '✓', warning: '!', failed: '✗' } as const;
const colours = { ok: 32, warning: 33, failed: 31 } as const;

/** A line for each finding, what to do below those that need it, and a last line that sums up. */
export function renderFindings(findings: readonly Finding[], showColours: boolean): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, status, detail, remedy }) => {
    const mark = showColours ? `\x1b[${colours[status]}m${marks[status]}\x1b[39m` : marks[status];
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

/** Details quote what others wrote: nothing in them may move the cursor. */
function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .replaceAll(/\p{Cc}/gu, '?');
}
