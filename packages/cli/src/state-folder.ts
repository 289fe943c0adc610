import { dirname, isAbsolute } from 'node:path';
import { defaultStateDir } from '@protect/config/paths';
import type { Cli } from './cli.ts';

/** The folder that holds the daemon's socket, and with it all of its state. */
export function stateFolder({ socketPath }: Pick<Cli, 'socketPath'>): string {
  return isAbsolute(socketPath) ? dirname(socketPath) : defaultStateDir;
}
