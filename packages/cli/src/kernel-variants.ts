import { readFile } from 'node:fs/promises';
import { statePaths } from '@protect/config/paths';
import { readDaemonToml } from '@protect/config/read-daemon-toml';
import type { Cli } from './cli.ts';
import { CommandError } from './command-error.ts';
import { stateFolder } from './state-folder.ts';

/** A zone kernel that daemon.toml names. */
export interface KernelVariant {
  readonly name: string;
  /** OCI reference. */
  readonly image: string;
}

/** The kernels of [zone.kernel-variants], by name. The control API does not tell them, so the file is read. */
export async function kernelVariants(cli: Pick<Cli, 'socketPath'>): Promise<KernelVariant[]> {
  const path = statePaths(stateFolder(cli)).daemonToml;
  const { toml } = readDaemonToml(await read(path), path);
  if (toml === undefined) {
    throw new CommandError(`${path} has mistakes; see protect host config check`);
  }
  return Object.entries(toml.zone['kernel-variants'])
    .map(([name, image]) => ({ name, image }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    const why =
      code === 'ENOENT'
        ? 'there is none beside the socket of the daemon'
        : `it cannot be read (${String(code)})`;
    throw new CommandError(`kernel variants are named in ${path}, and ${why}; give --kernel <image>`);
  }
}
