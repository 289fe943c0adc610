import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { toolPath } from '@protect/service/run-tool';

/** Programs that the driver runs, each with its path. */
export interface XenTools {
  readonly xl: string;
  readonly xentop: string;
  readonly xenconsole: string;
  readonly vchanSocketProxy: string;
  readonly losetup: string;
  readonly setpriv: string;
  readonly bwrap: string;
}

/** Name of each program and the Debian package that brings it. */
const programs: { readonly [Tool in keyof XenTools]: readonly [string, string] } = {
  xl: ['xl', 'xen-utils-common'],
  xentop: ['xentop', 'xen-utils-common'],
  xenconsole: ['xenconsole', 'xen-utils-common'],
  vchanSocketProxy: ['vchan-socket-proxy', 'xen-utils-common'],
  losetup: ['losetup', 'mount'],
  setpriv: ['setpriv', 'util-linux'],
  bwrap: ['bwrap', 'bubblewrap'],
};

/** True in the domain that may control Xen. */
export async function isDom0(capabilitiesPath = '/proc/xen/capabilities'): Promise<boolean> {
  try {
    return (await readFile(capabilitiesPath, 'utf8')).split(/\s+/).includes('control_d');
  } catch {
    return false;
  }
}

/** Finds the programs of the running Xen. FAILED_PRECONDITION names what is missing and its package. */
export async function findXenTools(): Promise<XenTools> {
  const version = await xenVersion();
  const folders = programFolders(version);
  const names = Object.keys(programs) as (keyof XenTools)[];
  const found = await Promise.all(
    names.map(async (tool) => {
      const [program, debianPackage] = programs[tool];
      const path = await findProgram(program, folders);
      if (path !== undefined) return [tool, path];
      const wanted =
        debianPackage === 'xen-utils-common' ? `xen-utils-${version ?? '<version>'}` : debianPackage;
      const text = `zones on Xen need ${program}, which is not installed; install the package ${wanted}`;
      throw new ConnectError(text, Code.FailedPrecondition);
    }),
  );
  return Object.fromEntries(found) as Record<keyof XenTools, string>;
}

/** The program that tells and steers processors. FAILED_PRECONDITION when it is missing. */
export async function findXenpm(): Promise<string> {
  const path = await findProgram('xenpm', programFolders(await xenVersion()));
  if (path !== undefined) return path;
  throw new ConnectError(
    'xenpm is not installed; install the package xen-utils-common',
    Code.FailedPrecondition,
  );
}

/** Debian keeps the programs of each Xen apart, and only some of them on the PATH. */
function programFolders(version: string | undefined): string[] {
  return [
    ...(version === undefined ? [] : [`/usr/lib/xen-${version}/bin`]),
    ...['/usr/lib/xen/bin', '/usr/libexec/xen/bin', '/usr/local/lib/xen/bin'],
    ...toolPath.split(':'),
  ];
}

async function xenVersion(folder = '/sys/hypervisor/version'): Promise<string | undefined> {
  try {
    const parts = ['major', 'minor'].map((part) => readFile(join(folder, part), 'utf8'));
    return (await Promise.all(parts)).map((part) => part.trim()).join('.');
  } catch {
    return undefined;
  }
}

async function findProgram(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // The next folder may have it.
    }
  }
  return undefined;
}
