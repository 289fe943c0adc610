import type { Mistake } from './device-mistakes.ts';
import { isTable } from './key-path.ts';

const dockerHubNames: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** Tables of `[runtime.registries]` that contradict themselves or each other. */
export function* registryMistakes(document: Readonly<Record<string, unknown>>): Generator<Mistake> {
  const { runtime } = document;
  if (!isTable(runtime) || !isTable(runtime.registries)) return;
  const owners = new Map<string, string>();
  for (const [host, registry] of Object.entries(runtime.registries)) {
    const path = ['runtime', 'registries', host];
    const owner = owners.get(nameOf(host));
    if (owner !== undefined) yield { path, message: `is the same registry as ${owner}; keep one of the two` };
    owners.set(nameOf(host), owner ?? host);
    if (!isTable(registry)) continue;
    if (registry['plain-http'] === true && registry['ca-file'] !== undefined) {
      const message = 'has no use with plain-http = true, which is without TLS; take one of the two out';
      yield { path: [...path, 'ca-file'], message };
    }
    const mirrors: unknown[] = Array.isArray(registry.mirrors) ? registry.mirrors : [];
    for (const [index, mirror] of mirrors.entries()) {
      if (typeof mirror !== 'string' || nameOf(mirror) !== nameOf(host)) continue;
      yield { path: [...path, 'mirrors', index], message: 'is the registry itself; name another host' };
    }
  }
}

/** Docker Hub has several names, and hosts are the same in either case. */
function nameOf(host: string): string {
  const name = host.toLowerCase();
  return dockerHubNames.includes(name) ? 'docker.io' : name;
}
