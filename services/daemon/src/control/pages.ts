import { pageBytesMax, pageItemsMax } from '../limits.ts';

/**
 * `items` in pieces that make messages which every client takes; one empty piece when there are none. `bytesOf`
 * tells roughly how large an item gets on the wire.
 */
export function inPages<T>(items: readonly T[], bytesOf: (item: T) => number = () => 0): T[][] {
  const pages: T[][] = [[]];
  let page = pages[0] ?? [];
  let bytes = 0;
  for (const item of items) {
    const itemBytes = bytesOf(item);
    if (page.length > 0 && (page.length >= pageItemsMax || bytes + itemBytes > pageBytesMax)) {
      page = [];
      pages.push(page);
      bytes = 0;
    }
    page.push(item);
    bytes += itemBytes;
  }
  return pages;
}

/** Bytes of a zone's or workload's part that callers choose the size of. */
export function specBytes({ annotations, process }: SizedSpec): number {
  const pairs = [...annotations, ...(process?.environment ?? [])];
  const words = process?.command ?? [];
  // Two bytes for a character are more than enough for nearly all texts.
  return 2 * (textLength(pairs.flatMap(({ key, value }) => [key, value])) + textLength(words));
}

interface SizedSpec {
  readonly annotations: readonly KeyValue[];
  readonly process?: { readonly environment: readonly KeyValue[]; readonly command: readonly string[] };
}

interface KeyValue {
  readonly key: string;
  readonly value: string;
}

function textLength(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}
