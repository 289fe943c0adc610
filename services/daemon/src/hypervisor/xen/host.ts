import { findXenTools } from './dom0.ts';
import { runXl } from './xl.ts';

const infoTimeoutMs = 10_000;

/** What the whole host has, of which its Dom0 sees a part only. */
export interface XenHost {
  readonly totalMib: number;
  /** Memory that belongs to no domain. */
  readonly availableMib: number;
  readonly cpus: number;
}

/** Asks Xen. FAILED_PRECONDITION where its tools are missing or xenstored is away. */
export async function readXenHost(signal: AbortSignal): Promise<XenHost> {
  const { xl } = await findXenTools();
  const failure = 'Xen does not tell what this host has';
  return parseXenHost(await runXl(xl, ['info'], { failure, timeoutMs: infoTimeoutMs, signal }));
}

/** Takes what is needed from the output of `xl info`. */
export function parseXenHost(text: string): XenHost {
  const field = (name: string): number => {
    const match = new RegExp(`^${name} *: (\\d+)$`, 'm').exec(text);
    if (match?.[1] === undefined) throw new Error(`xl info has no ${name}`);
    return Number(match[1]);
  };
  return { totalMib: field('total_memory'), availableMib: field('free_memory'), cpus: field('nr_cpus') };
}
