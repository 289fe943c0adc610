/** Objects in one message of a list. */
export const pageSize = 100;

/** `items` in pieces of the page size; one empty piece when there are none. */
export function inPages<T>(items: readonly T[]): T[][] {
  const pages: T[][] = [];
  for (let at = 0; at < items.length; at += pageSize) pages.push(items.slice(at, at + pageSize));
  return pages.length === 0 ? [[]] : pages;
}
