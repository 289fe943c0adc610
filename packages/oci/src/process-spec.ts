import type { Accounts } from './assemble.ts';
import { capabilitySets } from './capabilities.ts';
import type { ImageConfig } from './image-config.ts';
import { ImageError } from './image-error.ts';
import { resolveUser } from './users.ts';

/** What a client asks of a process; everything absent comes from the image. */
export interface ProcessRequest {
  /** For a workload it takes the place of the image's Cmd, and its Entrypoint stays in front. */
  readonly command?: readonly string[];
  readonly environment?: readonly { readonly key: string; readonly value: string }[];
  readonly workingDirectory?: string;
  readonly terminal: boolean;
  readonly user?: number | string | undefined;
  readonly group?: number | string | undefined;
  readonly additionalGids?: readonly number[];
}

/** What a workload may do. */
export interface SecurityRequest {
  readonly privileged?: boolean;
  readonly noNewPrivileges?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly raiseCapabilities?: readonly string[];
  readonly raiseAmbientCapabilities?: readonly string[];
  readonly dropCapabilities?: readonly string[];
  /** Namespaces shared with the zone. */
  readonly disabledNamespaces?: readonly NamespaceName[];
  readonly disableAllNamespaces?: boolean;
  readonly strictUserNamespace?: boolean;
}

export type NamespaceName = 'mount' | 'uts' | 'ipc' | 'user' | 'pid' | 'network' | 'cgroup' | 'time';

/** The process object of the OCI runtime specification, as far as it is used. */
export interface ProcessSpec {
  readonly terminal: boolean;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: ReturnType<typeof capabilitySets>;
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
}

export interface ProcessContext {
  readonly image: ImageConfig;
  readonly accounts: Accounts;
  readonly hostname: string;
  readonly security: SecurityRequest;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Same as systemd's: high enough for servers, and programs that loop over all descriptors stay fast. */
const openFiles = { type: 'RLIMIT_NOFILE', soft: 1024, hard: 524_288 };

/** Builds the process object for `args`, which must not be empty. */
export function buildProcess(
  args: readonly string[],
  request: ProcessRequest,
  context: ProcessContext,
): ProcessSpec {
  const { image, accounts, security } = context;
  const user = resolveUser(
    {
      imageUser: image.user,
      user: request.user,
      group: request.group,
      additionalGids: request.additionalGids,
    },
    accounts,
  );
  for (const argument of args) refuseNul(argument, 'an argument');
  if (args.length === 0 || args[0] === '') {
    throw new ImageError('invalid', 'the image names no command to run; give one');
  }
  return {
    terminal: request.terminal,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args,
    env: environment(request, context, user.home),
    cwd: workingDirectory(request, image),
    capabilities: capabilitySets({
      privileged: security.privileged ?? false,
      raise: security.raiseCapabilities ?? [],
      raiseAmbient: security.raiseAmbientCapabilities ?? [],
      drop: security.dropCapabilities ?? [],
    }),
    rlimits: [openFiles],
    noNewPrivileges: security.noNewPrivileges ?? false,
  };
}

/** Defaults, then the image's, then the request's; a later one wins and each key comes once. */
function environment(request: ProcessRequest, { image, hostname }: ProcessContext, home: string): string[] {
  const variables = new Map([
    ['PATH', defaultPath],
    ['HOSTNAME', hostname],
    ['HOME', home],
  ]);
  if (request.terminal) variables.set('TERM', 'xterm');
  for (const variable of image.environment) {
    const equals = variable.indexOf('=');
    if (equals > 0) variables.set(variable.slice(0, equals), variable.slice(equals + 1));
  }
  for (const { key, value } of request.environment ?? []) {
    if (key === '' || key.includes('=')) {
      throw new ImageError('invalid', `${JSON.stringify(key)} is no name for an environment variable`);
    }
    variables.set(key, value);
  }
  return [...variables].map(([key, value]) =>
    refuseNul(`${key}=${value}`, `environment variable ${JSON.stringify(key)}`),
  );
}

function workingDirectory({ workingDirectory: wanted = '' }: ProcessRequest, image: ImageConfig): string {
  if (wanted === '')
    return image.workingDirectory.startsWith('/') ? image.workingDirectory : `/${image.workingDirectory}`;
  if (!wanted.startsWith('/')) {
    throw new ImageError('invalid', `the working directory ${JSON.stringify(wanted)} is not absolute`);
  }
  return refuseNul(wanted, 'the working directory');
}

function refuseNul(text: string, what: string): string {
  if (!text.includes('\0')) return text;
  throw new ImageError('invalid', `${what} contains a NUL character, which no program can receive`);
}
