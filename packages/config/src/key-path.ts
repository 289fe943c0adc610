import type { KeyPath } from './schema-walk.ts';

const shownKeyLength = 80;
const shownValueLength = 80;

/** A path as it is shown: `pci.devices.gpu0.locations[0]`. */
export function formatKeyPath(path: KeyPath): string {
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${formatKey(part)}`));
  return parts.join('').replace(/^\./, '');
}

/** A key as TOML takes it, shortened when nobody would read it. */
function formatKey(key: string): string {
  if (key.length > shownKeyLength) return JSON.stringify(`${key.slice(0, shownKeyLength)}…`);
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

/** What stands at `path`; undefined where nothing does. */
export function valueAt(document: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return typeof key === 'number' ? value[key] : undefined;
    return isTable(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, document);
}

/** A value as it is shown in one line; tables and arrays by their kind. */
export function showValue(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'an array';
  if (isTable(value)) return 'a table';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > shownValueLength ? `${text.slice(0, shownValueLength - 1)}…` : text;
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
