import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Link } from '@protect/proto/network';
import { makeNamespace, type TestNamespace } from './network-namespace.ts';

/**
 * A namespace that stands in for a zone's kernel: two socat processes carry frames between the zone's tap,
 * which they open in the hypervisor's place, and an `eth0` that is set up as the zone's init does it.
 */
export interface StandIn extends AsyncDisposable {
  readonly namespace: TestNamespace;
}

export async function startStandIn(links: TestNamespace, link: Link): Promise<StandIn> {
  await using undo = new AsyncDisposableStack();
  const namespace = undo.use(makeNamespace());
  const folder = await mkdtemp(join(tmpdir(), 'protect-stand-in-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const socket = join(folder, 'frames');

  const tap = `TUN,tun-type=tap,tun-name=${link.hostInterface},iff-no-pi`;
  const outer = undo.use(await startSocat(links, [`UNIX-LISTEN:${socket},type=5`, tap], 'listening on'));
  undo.use(
    await startSocat(
      namespace,
      [`UNIX-CONNECT:${socket},type=5`, 'TUN,tun-type=tap,tun-name=eth0,iff-no-pi'],
      'starting data transfer loop',
    ),
  );
  await outer.says('starting data transfer loop');

  namespace.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0', 'net.ipv6.conf.eth0.accept_ra=0');
  const ip = (...args: string[]) => namespace.run('ip', ...args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'set', 'eth0', 'address', link.zoneMac, 'mtu', String(link.mtu), 'up');
  ip('address', 'add', link.ipv4, 'dev', 'eth0');
  ip('address', 'add', link.ipv6, 'dev', 'eth0', 'nodad');
  ip('route', 'add', 'default', 'via', link.gatewayIpv4, 'dev', 'eth0', 'onlink');
  ip('-6', 'route', 'add', 'default', 'via', link.gatewayIpv6, 'dev', 'eth0', 'onlink');
  const keep = undo.move();
  return { namespace, [Symbol.asyncDispose]: () => keep.disposeAsync() };
}

interface Socat extends AsyncDisposable {
  says(text: string): Promise<void>;
}

async function startSocat(
  namespace: TestNamespace,
  ends: readonly [string, string],
  ready: string,
): Promise<Socat> {
  // It ends with the test's process, however that ends.
  const socatOfTest = ['setpriv', '--pdeathsig=KILL', 'socat', '-d', '-d', ...ends];
  const child = spawn('nsenter', [`--net=${namespace.path}`, '--', ...socatOfTest], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    for (const check of waiting) check();
  });
  const socat: Socat = {
    says: (text) => says(child, lines, waiting, text),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
  await socat.says(ready);
  return socat;
}

function says(child: ChildProcess, lines: string[], waiting: Set<() => void>, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = () => {
      if (!lines.some((line) => line.includes(text))) return;
      waiting.delete(check);
      resolve();
    };
    child.once('exit', () => reject(new Error(`socat ended: ${lines.join('\n')}`)));
    waiting.add(check);
    check();
  });
}
