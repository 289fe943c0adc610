import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { MetricFormat, type MetricNode } from '@protect/proto/control-common';
import { formatBytes } from './bytes.ts';
import { formatSeconds } from './durations.ts';
import { printable } from './printable.ts';

/** A tree in lines, the values as people read them. */
export function metricTree(root: MetricNode): string {
  return [...treeLines(root, '', '')].map((line) => `${line}\n`).join('');
}

/** Every value as it is, with the names on the way to it. */
export function* metricValues(
  node: MetricNode,
  above: readonly string[] = [],
): Generator<[path: string[], value: string]> {
  const path = [...above, node.name];
  if (node.value !== undefined) {
    const value = plain(node);
    yield [path, typeof value === 'string' ? value : JSON.stringify(value)];
  }
  for (const child of node.children) yield* metricValues(child, path);
}

/** The node at a path of names below the root, if there is one. */
export function metricAt(root: MetricNode, path: readonly string[]): MetricNode | undefined {
  let node: MetricNode | undefined = root;
  for (const name of path) node = node?.children.find((child) => child.name === name);
  return node;
}

/** The number that a node holds, if it holds one. */
export function metricNumber(node: MetricNode | undefined): number | undefined {
  const kind = node?.value?.kind;
  return kind?.case === 'numberValue' ? kind.value : undefined;
}

function* treeLines(node: MetricNode, first: string, rest: string): Generator<string> {
  const value = node.value === undefined ? '' : `: ${formatValue(plain(node), node.format)}`;
  yield `${first}${printable(node.name)}${value}`;
  for (const [index, child] of node.children.entries()) {
    const last = index === node.children.length - 1;
    yield* treeLines(child, `${rest}${last ? '└── ' : '├── '}`, `${rest}${last ? '    ' : '│   '}`);
  }
}

function plain({ value }: MetricNode): JsonValue {
  return value === undefined ? null : toJson(ValueSchema, value);
}

function formatValue(value: JsonValue, format: MetricFormat): string {
  if (typeof value !== 'number') return printable(typeof value === 'string' ? value : JSON.stringify(value));
  switch (format) {
    case MetricFormat.BYTES:
      return formatBytes(value);
    case MetricFormat.INTEGER:
      return String(Math.round(value));
    case MetricFormat.DURATION_SECONDS:
      return formatSeconds(value);
    case MetricFormat.PERCENT:
      return `${value.toFixed(1)} %`;
    default:
      return String(value);
  }
}
