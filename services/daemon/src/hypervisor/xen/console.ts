import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { childStream } from './child-stream.ts';
import type { XenTools } from './dom0.ts';

/**
 * A domain's console. What it prints while nobody reads gathers in xenconsoled, which keeps a bounded
 * amount. The stream ends after the domain's last words.
 */
export function openXenConsole(tools: Pick<XenTools, 'setpriv' | 'xenconsole'>, domid: number): Duplex {
  const console = [tools.xenconsole, '--type', 'pv', '--interactive', String(domid)];
  // Of two readers each would get a part, so it does not outlive this process.
  const child = spawn(tools.setpriv, ['--pdeathsig', 'KILL', '--', ...console], {
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.unref();
  return childStream(child, `the console of domain ${domid}`);
}
