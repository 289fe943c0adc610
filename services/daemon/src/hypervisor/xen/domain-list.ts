/** Why a domain stopped to run, in the order of Xen's SHUTDOWN_* numbers. */
const shutdownReasons = ['poweroff', 'reboot', 'suspend', 'crash', 'watchdog', 'soft-reset'] as const;

export type ShutdownReason = (typeof shutdownReasons)[number] | 'unknown';

/** A domain as the hypervisor shows it; any on the host, ours or not. */
export interface ListedDomain {
  readonly domid: number;
  /** `(null)` when xenstore has no name (any more). */
  readonly name: string;
  readonly uuid: string;
  /** What it has now, and what is set aside for it. */
  readonly memoryMib: number;
  readonly paused: boolean;
  /** It has been destroyed, and something still holds pages of it. */
  readonly dying: boolean;
  /** Set once its kernel has stopped; the domain is there until it is destroyed. */
  readonly shutdown: ShutdownReason | undefined;
}

// Names may contain anything, so the fields count from the end of the line.
const line =
  /^(.*) +(\d+) +(\d+) +\d+\s+[r-][b-]([p-])([s-]).([d-]) +\d+\.\d+ +([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) +(-|[0-9a-f]+) +\S+ *$/;

/** Takes the output of `xl list -v` apart. Throws when a line is not understood. */
export function parseDomainList(text: string): ListedDomain[] {
  const [header = '', ...lines] = text.split('\n').filter((row) => row.trim() !== '');
  if (!/^Name +ID .*UUID +Reason-Code/.test(header)) {
    throw new Error(`xl list -v does not begin with the names of its columns: ${JSON.stringify(header)}`);
  }
  return lines.map(parseLine);
}

function parseLine(row: string): ListedDomain {
  const [, name = '', domid = '', memoryMib, paused, shutdown, dying, uuid = '', reason = ''] =
    line.exec(row) ?? [];
  if (uuid === '') throw new Error(`xl list -v has a line that is not understood: ${JSON.stringify(row)}`);
  return {
    domid: Number(domid),
    name: name.trim(),
    uuid,
    memoryMib: Number(memoryMib),
    paused: paused === 'p',
    dying: dying === 'd',
    shutdown: shutdown === 's' ? (shutdownReasons[Number.parseInt(reason, 16)] ?? 'unknown') : undefined,
  };
}
