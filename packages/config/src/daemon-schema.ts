import { z } from 'zod';
import { block } from './schema/block.ts';
import { network } from './schema/network.ts';
import { oci } from './schema/oci.ts';
import { pci } from './schema/pci.ts';
import { runtime } from './schema/runtime.ts';
import { zone } from './schema/zone.ts';

/** daemon.toml as it is written: kebab-case keys, `memory-limit-mb` in MiB. */
export const daemonToml = z.strictObject({ oci, zone, network, pci, block, runtime });

export type DaemonToml = z.output<typeof daemonToml>;
