import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { invalidField } from '../invalid-argument.ts';

/**
 * Sets the frequency governor of all processors. FAILED_PRECONDITION where the host's processors have none,
 * as in most virtual machines; INVALID_ARGUMENT names the governors there are.
 */
export async function setGovernor(governor: string, sysfs = '/sys'): Promise<void> {
  const folder = join(sysfs, 'devices/system/cpu/cpufreq');
  const policies = (await readdir(folder).catch(() => [])).filter((name) => /^policy\d+$/.test(name));
  if (policies.length === 0) {
    const text = 'the processors of this host have no frequency governor to set (no cpufreq in the kernel)';
    throw new ConnectError(text, Code.FailedPrecondition);
  }
  for (const policy of policies) {
    const known = (await readFile(join(folder, policy, 'scaling_available_governors'), 'utf8')).trim();
    if (known.split(/\s+/).includes(governor)) continue;
    const text = `scheduler ${JSON.stringify(governor)} is no governor of this host; it has: ${known}`;
    throw invalidField('scheduler', text);
  }
  await Promise.all(policies.map((policy) => writeFile(join(folder, policy, 'scaling_governor'), governor)));
}
