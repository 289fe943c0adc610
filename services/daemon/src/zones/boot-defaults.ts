import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { StatePaths } from '@protect/config/paths';

/** References of the kernel and ramdisk that a zone gets when it asks for none. */
export interface BootDefaults {
  readonly kernel: string;
  readonly initrd: string;
}

/** The checkout that this source file belongs to. */
const checkout = resolve(import.meta.dirname, '../../../..');

/**
 * What the flags say; else what was built in the checkout that this process runs from; else what was
 * installed in the state folder.
 */
export function bootDefaults(
  paths: Pick<StatePaths, 'root'>,
  flags: Readonly<Record<string, string | boolean | undefined>>,
): BootDefaults {
  const reference = (kind: 'kernel' | 'initrd'): string => {
    const built = join(checkout, 'zone', 'build', kind);
    const folder = existsSync(join(checkout, 'zone')) ? built : join(paths.root, 'zone', kind);
    return `oci:${folder}`;
  };
  const flag = (name: string) => (typeof flags[name] === 'string' ? flags[name] : undefined);
  return {
    kernel: flag('zone-kernel') ?? reference('kernel'),
    initrd: flag('zone-initrd') ?? reference('initrd'),
  };
}
