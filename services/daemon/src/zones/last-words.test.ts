import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastWords, ranOutOfMemory } from './last-words.ts';

const boot = Array.from({ length: 40 }, (_, index) => `[    0.${index}] booting`).join('\r\n');

describe('the last words of a zone', () => {
  it('begin just before its kernel panicked', () => {
    const console = `${boot}\r\nsysrq: Trigger a crash\r\nKernel panic - not syncing: sysrq triggered crash\r\nCPU: 0 PID: 1\r\n`;
    expect(lastWords(Buffer.from(console))).toEqual([
      '[    0.38] booting',
      '[    0.39] booting',
      'sysrq: Trigger a crash',
      'Kernel panic - not syncing: sysrq triggered crash',
      'CPU: 0 PID: 1',
    ]);
  });

  it('are those of the last panic, when there were several', () => {
    const again = `Kernel panic - not syncing: one\n${boot}\nKernel panic - not syncing: two\n`;
    expect(lastWords(Buffer.from(again)).at(-1)).toBe('Kernel panic - not syncing: two');
  });

  it('are the last lines without a panic, and none of a silent zone', () => {
    expect(lastWords(Buffer.from(boot)).at(-1)).toBe('[    0.39] booting');
    expect(lastWords(Buffer.alloc(0))).toEqual([]);
  });

  it('are short and printable, whatever the zone printed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40_000 }), (bytes) => {
        const words = lastWords(Buffer.from(bytes));
        expect(words.length).toBeLessThanOrEqual(16);
        for (const line of words) expect(line).toMatch(/^[\x20-\x7e]{1,160}$/);
      }),
    );
  });

  it.each([
    'Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled',
    'Kernel panic - not syncing: System is deadlocked on memory',
  ])('tell that memory ran out: %s', (line) => {
    expect(ranOutOfMemory(lastWords(Buffer.from(line)))).toBe(true);
    expect(
      ranOutOfMemory(lastWords(Buffer.from('Kernel panic - not syncing: Attempted to kill init!'))),
    ).toBe(false);
  });
});
