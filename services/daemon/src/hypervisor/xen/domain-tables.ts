/** A virtual CPU as `xl vcpu-list` shows it. */
export interface ListedVcpu {
  readonly name: string;
  readonly domid: number;
  readonly vcpu: number;
  /** The processor that it runs on or ran on last; undefined while it is offline. */
  readonly processor: number | undefined;
  /** Time that it has run. */
  readonly seconds: number;
}

/** A domain's memory as `xentop` shows it. */
export interface ListedMemory {
  readonly name: string;
  readonly totalKib: number;
  /** Undefined where there is no limit. */
  readonly maxKib: number | undefined;
}

/** What a domain is promised and has not got yet, as `xl claims` shows it. */
export interface ListedClaim {
  readonly name: string;
  readonly domid: number;
  readonly outstandingMib: number;
}

// Names may contain anything, so the fields count from the end of the line; affinity has no such end.
const vcpuLine = /^(.*) +(\d+) +(\d+) +(-|\d+) +(?:[r-][b-]-|--p) +(\d+\.\d+) {2}\S.* \/ /;
const memoryLine =
  /^ *(\S.*?) +[d-][s-][b-][c-][p-][r-] +\d+ +[\d.]+ +(\d+) +[\d.]+ +(no limit|\d+) +(?:n\/a|[\d.]+) +\d+ /;
const claimLine = /^(.*) +(\d+) +\d+ +\d+\s+[r-][b-][p-][s-].[d-] +\d+\.\d+ +(\d+)(?: +\S+)* *$/;

/** Takes the output of `xl vcpu-list` apart. Throws when a line is not understood. */
export function parseVcpuList(text: string): ListedVcpu[] {
  return rows(text, /^Name +ID +VCPU +CPU +State +Time\(s\)/, 'xl vcpu-list').map((row) => {
    const [, name = '', domid, vcpu, processor, seconds] = fields(row, vcpuLine, 'xl vcpu-list');
    return {
      name: name.trim(),
      domid: Number(domid),
      vcpu: Number(vcpu),
      processor: processor === '-' ? undefined : Number(processor),
      seconds: Number(seconds),
    };
  });
}

/** Takes one round of `xentop --batch --full-name` apart. Throws when a line is not understood. */
export function parseTop(text: string): ListedMemory[] {
  return rows(text, /^ *NAME +STATE +CPU\(sec\) +CPU\(%\) +MEM\(k\) +MEM\(%\) +MAXMEM\(k\)/, 'xentop').map(
    (row) => {
      const [, name = '', total, max] = fields(row, memoryLine, 'xentop');
      return { name, totalKib: Number(total), maxKib: max === 'no limit' ? undefined : Number(max) };
    },
  );
}

/** Takes the output of `xl claims` apart. Throws when a line is not understood. */
export function parseClaims(text: string): ListedClaim[] {
  return rows(text, /^Name +ID +Mem +VCPUs\s+State\s+Time\(s\) +Claimed/, 'xl claims').map((row) => {
    const [, name = '', domid, outstanding] = fields(row, claimLine, 'xl claims');
    return { name: name.trim(), domid: Number(domid), outstandingMib: Number(outstanding) };
  });
}

/** Takes `xl info` apart: a name and a value a line. */
export function parseInfo(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => /^(\w+) *: ?(.*)$/.exec(line));
  return Object.fromEntries(
    lines.flatMap((match) => (match ? [[match[1] ?? '', (match[2] ?? '').trim()]] : [])),
  );
}

function rows(text: string, header: RegExp, program: string): string[] {
  const [first = '', ...rest] = text.split('\n').filter((row) => row.trim() !== '');
  if (header.test(first)) return rest;
  throw new Error(`${program} does not begin with the names of its columns: ${JSON.stringify(first)}`);
}

function fields(row: string, pattern: RegExp, program: string): RegExpExecArray {
  const match = pattern.exec(row);
  if (match !== null) return match;
  throw new Error(`${program} has a line that is not understood: ${JSON.stringify(row)}`);
}
