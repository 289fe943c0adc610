import { z } from 'zod';
import type { XenTools } from './dom0.ts';
import { parseInfo, parseVcpuList } from './domain-tables.ts';
import { domainNode } from './nodes.ts';
import type { Xenstore } from './xenstore.ts';
import { runXl } from './xl.ts';

const xlTimeoutMs = 20_000;

/** Devices whose nodes are told; what a host with more has beyond is left out, and counted. */
const devicesMax = 1_024;

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'xl list --long prints no JSON' });
    return z.NEVER;
  }
});

/** Xen itself, its domains with their configurations and virtual CPUs, and the back ends of all devices. */
export interface XenDebugInfo {
  readonly xen: Readonly<Record<string, string>>;
  readonly domains: unknown;
  readonly vcpus: unknown;
  readonly devices: readonly BackendDevice[];
  readonly devicesLeftOut: number;
}

interface BackendDevice {
  readonly kind: string;
  readonly domid: number;
  readonly device: string;
  readonly nodes: Readonly<Record<string, string>>;
}

/**
 * Reads all that and changes nothing: the dumps of `xl debug-keys` are not among it, since Xen prints them over its
 * other messages in the console ring, and stands still meanwhile.
 */
export async function readDebugInfo(
  { xl }: Pick<XenTools, 'xl'>,
  store: Pick<Xenstore, 'list' | 'read'>,
  signal: AbortSignal,
): Promise<XenDebugInfo> {
  const failure = 'Xen does not tell of itself';
  const ask = (...args: string[]) => runXl(xl, args, { failure, timeoutMs: xlTimeoutMs, signal });
  const [info, domains, vcpus, backends] = await Promise.all([
    ask('info'),
    ask('list', '--long'),
    ask('vcpu-list'),
    readBackends(store, signal),
  ]);
  return {
    xen: parseInfo(info),
    domains: withoutPasswords(json.parse(domains)),
    vcpus: parseVcpuList(vcpus),
    ...backends,
  };
}

/** The back ends that Dom0 has for the devices of all domains, as xenstore holds them. */
export async function readBackends(
  store: Pick<Xenstore, 'list' | 'read'>,
  signal: AbortSignal,
): Promise<Pick<XenDebugInfo, 'devices' | 'devicesLeftOut'>> {
  const root = `${domainNode(0)}/backend`;
  const devices: BackendDevice[] = [];
  let devicesLeftOut = 0;
  for (const kind of await store.list(root)) {
    for (const domid of await store.list(`${root}/${kind}`)) {
      for (const device of await store.list(`${root}/${kind}/${domid}`)) {
        signal.throwIfAborted();
        if (devices.length >= devicesMax) {
          devicesLeftOut += 1;
          continue;
        }
        const path = `${root}/${kind}/${domid}/${device}`;
        devices.push({ kind, domid: Number(domid), device, nodes: await readNodes(store, path) });
      }
    }
  }
  return { devices, devicesLeftOut };
}

async function readNodes(
  store: Pick<Xenstore, 'list' | 'read'>,
  path: string,
): Promise<Record<string, string>> {
  const nodes: Record<string, string> = {};
  for (const name of await store.list(path)) {
    const value = await store.read(`${path}/${name}`);
    if (value !== undefined && value !== '' && !isPassword(name)) nodes[name] = value;
  }
  return nodes;
}

/** The same without the passwords that other people's domains may have in their configurations. */
export function withoutPasswords(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPasswords);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !isPassword(key));
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutPasswords(inner)]));
}

function isPassword(name: string): boolean {
  return /passw/i.test(name);
}
