import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { closest } from './closest.ts';
import { ConfigurationError } from './configuration-error.ts';
import { type DaemonToml, daemonToml } from './daemon-schema.ts';
import { defaultDaemonToml } from './daemon-toml-default.ts';
import { type KeyLines, tomlKeyLines } from './toml-key-lines.ts';

/** One logical PCI device that a zone may be given, by its name in daemon.toml. */
export interface PciDeviceConfig {
  /** Addresses such as 0000:01:00.0, lower case; at least one, none shared with another device. */
  readonly locations: readonly string[];
  readonly permissive: boolean;
  readonly msiTranslate: boolean;
  readonly powerManagement: boolean;
  readonly rdmReservePolicy: 'strict' | 'relaxed';
  /** Modules that the zone loads for the device, in order. */
  readonly modules: readonly string[];
  readonly moduleParameters: Readonly<Record<string, readonly string[]>>;
}

/** daemon.toml with every default filled in. */
export interface DaemonConfig {
  readonly oci: { readonly dockerHubMirror: string };
  readonly zone: {
    readonly cacheDefaultKernel: boolean;
    readonly cacheDefaultInitrd: boolean;
    /** Memory of a zone that asks for none. */
    readonly memoryLimitMib: number;
    /** OCI references by the name that `--kernel-variant` takes. */
    readonly kernelVariants: Readonly<Record<string, string>>;
  };
  readonly network: {
    readonly nameservers: readonly string[];
    /** Subnets in CIDR form without host bits. */
    readonly ipv4: { readonly subnet: string };
    readonly ipv6: { readonly subnet: string };
  };
  readonly pci: { readonly devices: Readonly<Record<string, PciDeviceConfig>> };
  readonly block: { readonly devices: Readonly<Record<string, { readonly path: string }>> };
}

const maxFileBytes = 1024 * 1024;

/**
 * Reads daemon.toml. With `writeDefault`, a missing file is written with commented defaults first (mode 0640).
 * Throws ConfigurationError with every problem of the file at once.
 */
export async function loadDaemonConfig(
  path: string,
  options: { readonly writeDefault?: boolean } = {},
): Promise<DaemonConfig> {
  if (options.writeDefault === true) await writeIfMissing(path, defaultDaemonToml);
  return parseDaemonConfig(await readConfigFile(path), path);
}

/** The configuration that `text` says; `file` is only named in errors. Throws ConfigurationError. */
export function parseDaemonConfig(text: string, file: string): DaemonConfig {
  const document = parseToml(text, file);
  const lineOf = tomlKeyLines(text);
  const problem = (path: readonly (string | number)[], message: string) => {
    const line = lineOf(path);
    return `${file}${line === undefined ? '' : `:${line}`}: ${formatKey(path)}: ${message}`;
  };
  const problems: string[] = [];
  const normalised = acceptSnakeCase(document, (path, message) => problems.push(problem(path, message)));
  const result = daemonToml.safeParse(normalised, { reportInput: true });
  if (!result.success) {
    for (const issue of result.error.issues) problems.push(...describe(issue, lineOf, problem));
  } else {
    for (const [path, message] of sharedLocations(result.data)) problems.push(problem(path, message));
    if (problems.length === 0) return toConfig(result.data);
  }
  throw new ConfigurationError(problems);
}

async function writeIfMissing(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  if (await stat(path).catch(() => undefined)) return;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, text, { mode: 0o640, flag: 'wx' });
    // A link never replaces a file that appeared meanwhile, and never shows a half-written one.
    await link(temporary, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) {
      throw new ConfigurationError(
        [`${path}: cannot write the default configuration: ${reason(error)}; make its folder writable`],
        { cause: error },
      );
    }
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function readConfigFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) {
      throw new ConfigurationError([`${path}: ${size} bytes are too many; at most ${maxFileBytes}`]);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const why = hasCode(error, 'ENOENT')
      ? 'there is no such file; start protect-daemon once to have it written'
      : error instanceof TypeError
        ? 'it is not UTF-8 text; save it as UTF-8'
        : `cannot be read: ${reason(error)}`;
    throw new ConfigurationError([`${path}: ${why}`], { cause: error });
  }
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [summary = 'invalid TOML'] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw new ConfigurationError([`${file}:${error.line}:${error.column}: not valid TOML: ${summary}`], {
      cause: error,
    });
  }
}

/** Published examples write the keys of PCI devices with underscores too. */
function acceptSnakeCase(
  document: Record<string, unknown>,
  refuse: (path: readonly string[], message: string) => void,
): Record<string, unknown> {
  if (!isTable(document.pci) || !isTable(document.pci.devices)) return document;
  const devices: Record<string, unknown> = {};
  for (const [name, device] of Object.entries(document.pci.devices)) {
    if (!isTable(device)) {
      devices[name] = device;
      continue;
    }
    const renamed: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(device)) {
      const kebab = key.replaceAll('_', '-');
      if (kebab in renamed) refuse(['pci', 'devices', name, key], `is set twice; keep ${kebab} only`);
      renamed[kebab] = value;
    }
    devices[name] = renamed;
  }
  return { ...document, pci: { ...document.pci, devices } };
}

function* sharedLocations(toml: DaemonToml): Generator<[string[], string]> {
  const owners = new Map<string, string>();
  for (const [name, device] of Object.entries(toml.pci.devices)) {
    for (const location of device.locations) {
      const owner = owners.get(location);
      if (owner !== undefined) {
        yield [
          ['pci', 'devices', name, 'locations'],
          `${location} belongs to ${owner} already; list it in one device only`,
        ];
      }
      owners.set(location, name);
    }
  }
}

function describe(
  issue: z.core.$ZodIssue,
  lineOf: KeyLines,
  problem: (path: readonly (string | number)[], message: string) => string,
): string[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(daemonToml, path);
    return issue.keys.map((key) => {
      const meant = closest(key, known);
      const remedy = meant === undefined ? `known keys: ${known.join(', ')}` : `did you mean ${meant}?`;
      return problem([...path, key], `unknown key; ${remedy}`);
    });
  }
  if (issue.code === 'invalid_key') {
    return [problem(path, issue.issues.map((inner) => inner.message).join('; '))];
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) {
    return [
      problem(path, `is missing${lineOf(path) === undefined ? '' : ' from this table'}; it must be set`),
    ];
  }
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return [problem(path, `must be ${article(issue.expected)}, not ${show(issue.input)}`)];
  }
  if (issue.code === 'invalid_value') {
    const choices = issue.values.map((value) => JSON.stringify(value)).join(' or ');
    return [problem(path, `must be ${choices}, not ${show(issue.input)}`)];
  }
  return [problem(path, `${show(issue.input)} ${issue.message}`)];
}

function knownKeys(schema: unknown, path: readonly (string | number)[]): string[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return knownKeys(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodRecord) return knownKeys(schema.valueType, path.slice(1));
  if (!(schema instanceof z.ZodObject)) return [];
  const [first, ...rest] = path;
  return first === undefined ? Object.keys(schema.shape) : knownKeys(schema.shape[first], rest);
}

function toConfig(toml: DaemonToml): DaemonConfig {
  return {
    oci: { dockerHubMirror: toml.oci['docker-hub-mirror'] },
    zone: {
      cacheDefaultKernel: toml.zone['cache-default-kernel'],
      cacheDefaultInitrd: toml.zone['cache-default-initrd'],
      memoryLimitMib: toml.zone['memory-limit-mb'],
      kernelVariants: toml.zone['kernel-variants'],
    },
    network: toml.network,
    pci: {
      devices: Object.fromEntries(
        Object.entries(toml.pci.devices).map(([name, device]) => [
          name,
          {
            locations: device.locations,
            permissive: device.permissive,
            msiTranslate: device['msi-translate'],
            powerManagement: device['power-management'],
            rdmReservePolicy: device['rdm-reserve-policy'],
            modules: device.modules,
            moduleParameters: device['module-parameters'],
          },
        ]),
      ),
    },
    block: toml.block,
  };
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function formatKey(path: readonly (string | number)[]): string {
  return path
    .map((part) =>
      typeof part === 'number'
        ? `[${part}]`
        : /^[A-Za-z0-9_-]+$/.test(part)
          ? `.${part}`
          : `.${JSON.stringify(part)}`,
    )
    .join('')
    .replace(/^\./, '');
}

function article(expected: string): string {
  const names: Record<string, string> = {
    string: 'a string in quotes',
    boolean: 'true or false',
    number: 'a number',
    int: 'a whole number',
    array: 'an array',
    object: 'a table',
    record: 'a table',
  };
  return names[expected] ?? expected;
}

function show(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return 'an array';
  if (isTable(value)) return 'a table';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
