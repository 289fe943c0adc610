import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageBytesMax, pageItemsMax } from '../limits.ts';
import { inPages, specBytes } from './pages.ts';

describe('pages of a list', () => {
  it('are one empty page when there is nothing', () => {
    expect(inPages([])).toEqual([[]]);
  });

  it('hold everything in order, and each as much as one message may', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(pageBytesMax * 2), { maxLength: 300 }), (sizes) => {
        const pages = inPages(sizes, (size) => size);
        expect(pages.flat()).toEqual(sizes);
        for (const page of pages) {
          expect(page.length).toBeLessThanOrEqual(pageItemsMax);
          const bytes = page.reduce((sum, size) => sum + size, 0);
          expect(page.length <= 1 || bytes <= pageBytesMax).toBe(true);
        }
      }),
    );
  });

  it('weigh what callers choose the size of', () => {
    const annotations = [{ key: 'a', value: 'x'.repeat(99) }];
    const process = { environment: annotations, command: ['y'.repeat(50)] };
    expect(specBytes({ annotations })).toBe(200);
    expect(specBytes({ annotations, process })).toBe(500);
  });
});
