import type { ConsoleLog } from '../hypervisor/console-log.ts';
import type { Domain, DomainEnd } from '../hypervisor/hypervisor.ts';
import type { IdmLink } from '../idm/link.ts';
import type { Machine } from './plan.ts';

/** What the daemon holds of one zone while it runs itself. */
export interface Runtime {
  domain: Domain | undefined;
  end: DomainEnd | undefined;
  link: IdmLink | undefined;
  console: ConsoleLog | undefined;
  /** Ends the launch or configuration that is under way. */
  abort: AbortController | undefined;
  driving: Promise<void> | undefined;
  again: boolean;
  /** Accepted by this daemon and never launched, so that nothing can be left of it. */
  fresh: boolean;
}

export function newRuntime(): Runtime {
  return {
    domain: undefined,
    end: undefined,
    link: undefined,
    console: undefined,
    abort: undefined,
    driving: undefined,
    again: false,
    fresh: false,
  };
}

/** The machine as the plan sees it. */
export function machineOf({ domain, end, link }: Runtime): Machine {
  if (domain === undefined) return { kind: 'none' };
  if (end !== undefined) return { kind: 'ended', end };
  return { kind: 'running', followed: link !== undefined };
}

/** Closes the message channel, so that the machine is no longer followed. */
export async function closeLink(runtime: Runtime): Promise<void> {
  const { link } = runtime;
  runtime.link = undefined;
  await link?.close();
}

/** Lets go of the machine, which goes on. */
export async function letGo(runtime: Runtime): Promise<void> {
  await closeLink(runtime);
  const { domain, console } = runtime;
  runtime.domain = undefined;
  runtime.end = undefined;
  runtime.console = undefined;
  await console?.close();
  domain?.close();
}
