import { isTable } from './key-path.ts';
import { blockDevicePath } from './schema/block.ts';
import { pciLocation } from './schema/pci.ts';
import type { KeyPath } from './schema-walk.ts';

/** What is wrong with what stands at one place of a document. */
export interface Mistake {
  readonly path: KeyPath;
  readonly message: string;
}

/** One well-formed PCI address of one device. */
export interface PciPlace {
  readonly device: string;
  readonly location: string;
  readonly path: KeyPath;
}

/** The well-formed path of one block device. */
export interface BlockPlace {
  readonly device: string;
  readonly devicePath: string;
  readonly path: KeyPath;
}

/** The PCI addresses of a document, whatever else is wrong with it. */
export function pciPlaces(document: Readonly<Record<string, unknown>>): PciPlace[] {
  return devicesOf(document.pci).flatMap(([device, { locations }]) => {
    if (!Array.isArray(locations)) return [];
    return locations.flatMap((item: unknown, index) => {
      const { data: location } = pciLocation.safeParse(item);
      return location === undefined
        ? []
        : [{ device, location, path: ['pci', 'devices', device, 'locations', index] }];
    });
  });
}

/** The paths of block devices of a document, whatever else is wrong with it. */
export function blockPlaces(document: Readonly<Record<string, unknown>>): BlockPlace[] {
  return devicesOf(document.block).flatMap(([device, { path }]) => {
    const { data: devicePath } = blockDevicePath.safeParse(path);
    return devicePath === undefined
      ? []
      : [{ device, devicePath, path: ['block', 'devices', device, 'path'] }];
  });
}

/** Devices that are listed twice. */
export function* deviceMistakes(document: Readonly<Record<string, unknown>>): Generator<Mistake> {
  const locations = new Map<string, string>();
  for (const { device, location, path } of pciPlaces(document)) {
    const owner = locations.get(location);
    if (owner !== undefined) {
      yield { path, message: `belongs to ${owner} already; an address may be listed once, in one device` };
    }
    locations.set(location, owner ?? device);
  }
  const paths = new Map<string, string>();
  for (const { device, devicePath, path } of blockPlaces(document)) {
    const owner = paths.get(devicePath);
    if (owner !== undefined) {
      yield { path, message: `belongs to ${owner} already; a block device may be listed under one name` };
    }
    paths.set(devicePath, owner ?? device);
  }
}

function devicesOf(section: unknown): [string, Record<string, unknown>][] {
  if (!isTable(section) || !isTable(section.devices)) return [];
  return Object.entries(section.devices).flatMap(([name, device]) =>
    isTable(device) ? [[name, device]] : [],
  );
}
