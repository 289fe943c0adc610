import { type Finding, unseen, warning } from './finding.ts';
import { type Host, isForbidden } from './host.ts';

/** One thing that is looked at; changes nothing on the host. */
export interface Check {
  /** For its findings, unless they name something more exact. */
  readonly name: string;
  find(host: Host, signal: AbortSignal): Promise<readonly Finding[]>;
}

const checkMs = 10_000;

/** Carries out the checks side by side; one that breaks or hangs is a finding too. */
export async function findAll(checks: readonly Check[], host: Host): Promise<readonly Finding[]> {
  const lists = await Promise.all(checks.map((check) => findOne(check, host)));
  return lists.flat();
}

async function findOne(check: Check, host: Host): Promise<readonly Finding[]> {
  const signal = AbortSignal.timeout(checkMs);
  const late = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => late.reject(signal.reason), { once: true });
  try {
    return await Promise.race([check.find(host, signal), late.promise]);
  } catch (error) {
    if (isForbidden(error)) return [unseen(check.name, error instanceof Error ? pathOf(error) : 'it')];
    const reason = error instanceof Error ? error.message : String(error);
    return [
      warning(check.name, `could not be checked: ${reason}`, 'see to that, then run protect doctor again'),
    ];
  }
}

function pathOf(error: Error): string {
  return 'path' in error && typeof error.path === 'string' ? error.path : 'it';
}
