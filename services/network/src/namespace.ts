import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '@protect/service/errors';
import { runTool } from '@protect/service/run-tool';

/** Links and rules are made in milliseconds; more than this means that the kernel or the tool hangs. */
const toolTimeoutMs = 10_000;

/** Where iproute2 keeps named network namespaces. */
const namedNamespaces = '/run/netns';

/** The network namespace that holds all links: a named one, or the host's own. */
export interface Namespace {
  /** Empty for the host's own. */
  readonly path: string;
  /** Runs `ip` in it. */
  ip(args: readonly string[], options: ToolOptions): Promise<string>;
  /** Runs `nft` in it. */
  nft(args: readonly string[], options: ToolOptions): Promise<string>;
  /** Renames an interface of the host that is down, and brings it in. */
  takeIn(hostInterface: string, name: string, signal: AbortSignal): Promise<void>;
  /** Sets kernel parameters below /proc/sys that hold for the whole namespace, by their paths there. */
  setParameters(parameters: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;
}

export interface ToolOptions {
  readonly signal: AbortSignal;
  /** What the tool reads from its standard input. */
  readonly input?: string;
}

/** Opens `name`, which must exist; undefined stands for the host's own namespace. */
export async function openNamespace(name: string | undefined): Promise<Namespace> {
  if (name === undefined) return hostNamespace();
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw new ConfigurationError(`--netns ${JSON.stringify(name)} is no name of a network namespace`);
  }
  const path = join(namedNamespaces, name);
  try {
    await stat(path);
  } catch (cause) {
    throw new ConfigurationError(`--netns ${name}: no ${path}; make it with \`ip netns add ${name}\``, {
      cause,
    });
  }
  const enter = (file: string, args: readonly string[], options: ToolOptions) =>
    run('nsenter', [`--net=${path}`, '--', file, ...args], options);
  return {
    path,
    ip: (args, options) => run('ip', ['-n', name, ...args], options),
    nft: (args, options) => enter('nft', args, options),
    async takeIn(hostInterface, newName, signal) {
      await run('ip', ['link', 'set', 'dev', hostInterface, 'netns', name, 'name', newName], { signal });
    },
    async setParameters(parameters, signal) {
      const settings = [...parameters].map(([key, value]) => `${key}=${value}`);
      await enter('sysctl', ['--quiet', '--write', ...settings], { signal });
    },
  };
}

function hostNamespace(): Namespace {
  return {
    path: '',
    ip: (args, options) => run('ip', args, options),
    nft: (args, options) => run('nft', args, options),
    async takeIn(hostInterface, newName, signal) {
      await run('ip', ['link', 'set', 'dev', hostInterface, 'name', newName], { signal });
    },
    async setParameters(parameters) {
      for (const [key, value] of parameters) {
        await writeFile(join('/proc/sys', key), value);
      }
    },
  };
}

async function run(file: string, args: readonly string[], { signal, input }: ToolOptions): Promise<string> {
  const result = await runTool(file, args, {
    signal,
    timeoutMs: toolTimeoutMs,
    ...(input === undefined ? {} : { input }),
  });
  return result.stdout;
}
