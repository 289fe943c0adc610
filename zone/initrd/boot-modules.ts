/**
 * Modules that a zone needs before it can reach its addons disk, by hypervisor, in the order in which their devices
 * matter: the host's channel first. Filesystems that are rarely wanted stay in the addons.
 */
export const bootModules = {
  qemu: [
    ...['virtio_pci', 'virtio_console', 'virtio_scsi', 'sd_mod', 'virtio_net', 'squashfs', 'overlay'],
    // Tells QEMU of a panic before the machine ends; a PV kernel tells Xen by itself.
    'pvpanic_pci',
    // On Xen the kernel has its own.
    'virtio_balloon',
  ],
  // The zone offers the channel: it grants pages (gntalloc) and maps none (gntdev).
  xen: ['xen_evtchn', 'xen_gntalloc', 'xen_blkfront', 'xen_netfront', 'squashfs', 'overlay'],
} as const satisfies Record<string, readonly string[]>;

/**
 * Parameters of those modules, by name. Persistent grants would keep 4 MiB of the zone's memory for each queue of
 * each disk, and copy every request through it, for a back end that is Dom0 and need not be hidden from.
 */
export const bootParameters: Readonly<Record<string, string>> = { xen_blkfront: 'feature_persistent=0' };

/**
 * Paths of the modules to load for `names`, each after those it depends on, as `modules.dep` tells. Names that
 * `modules.builtin` lists are in the kernel and left out; any other unknown name is an error.
 */
export function loadOrder(names: readonly string[], modulesDep: string, modulesBuiltin: string): string[] {
  const paths = new Map<string, string>();
  const dependencies = new Map<string, readonly string[]>();
  for (const line of modulesDep.split('\n')) {
    const [path, needs] = line.split(':');
    if (path === undefined || needs === undefined) continue;
    paths.set(moduleName(path), path);
    dependencies.set(path, needs.trim().split(/\s+/).filter(Boolean));
  }
  const builtin = new Set(modulesBuiltin.split('\n').map(moduleName));
  const ordered: string[] = [];
  const visit = (path: string) => {
    if (ordered.includes(path)) return;
    for (const needed of dependencies.get(path) ?? []) visit(needed);
    ordered.push(path);
  };
  for (const name of names) {
    const path = paths.get(name);
    if (path !== undefined) visit(path);
    else if (!builtin.has(name))
      throw new Error(`the kernel has no module ${name}, which a zone needs to boot`);
  }
  return ordered;
}

/** `virtio_pci` for `kernel/drivers/virtio/virtio_pci.ko`; hyphens and underscores are the same to the kernel. */
export function moduleName(path: string): string {
  return path
    .replace(/^.*\//, '')
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');
}
