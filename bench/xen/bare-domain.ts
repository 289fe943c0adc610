import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { execa } from 'execa';
import { childStream } from '../../services/daemon/src/hypervisor/xen/child-stream.ts';

const tools = '/usr/lib/xen-4.17/bin';

/** A domain made by `xl create` and nothing else. */
export interface BareDomain extends AsyncDisposable {
  readonly domid: string;
  /** Settles when the domain's console has shown `text`. */
  says(text: string, signal: AbortSignal): Promise<void>;
  /** The host's end of the vchan of IDM; it ends with the domain. */
  openVchan(): Duplex;
}

export interface BareDomainSpec {
  readonly name: string;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly memoryMib: number;
  readonly cpus: number;
}

/** Creates the domain; settles when it has been let run. */
export async function createBareDomain(spec: BareDomainSpec): Promise<BareDomain> {
  const folder = await mkdtemp(join(tmpdir(), 'protect-bench-'));
  const config = join(folder, 'domain.cfg');
  await writeFile(
    config,
    [
      `name="${spec.name}"`,
      'type="pv"',
      `kernel="${spec.kernelPath}"`,
      `ramdisk="${spec.initrdPath}"`,
      'cmdline="console=hvc0 quiet panic=-1"',
      `memory=${spec.memoryMib}`,
      `vcpus=${spec.cpus}`,
      'tsc_mode="native"',
      'on_crash="preserve"',
    ].join('\n'),
  );
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  await execa('xl', ['create', '-q', '-e', config]);
  undo.defer(async () => void (await execa('xl', ['destroy', spec.name])));
  const { stdout: domid } = await execa('xl', ['domid', spec.name]);
  const keep = undo.move();
  return {
    domid,
    async says(text, signal) {
      const console = spawn(join(tools, 'xenconsole'), ['--type', 'pv', domid], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const ended = once(console, 'exit');
      try {
        let seen = '';
        for await (const chunk of console.stdout) {
          seen += chunk;
          if (seen.includes(text)) return;
          signal.throwIfAborted();
        }
        throw new Error(`the domain's console ended before it said ${text}: ${seen}`);
      } finally {
        console.kill('SIGKILL');
        await ended;
      }
    },
    openVchan() {
      const proxy = spawn(
        join(tools, 'vchan-socket-proxy'),
        ['--mode=client', domid, `/local/domain/${domid}/data/vchan/idm`, '-'],
        { stdio: ['pipe', 'pipe', 'pipe'] },
      );
      const port = childStream(proxy, 'the bare vchan');
      // Ending the domain breaks it.
      port.on('error', () => {});
      keep.defer(async () => {
        port.destroy();
        if (!port.closed) await once(port, 'close');
      });
      return port;
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}
