import type { DescField, DescMessage, DescMethod, Message } from '@bufbuild/protobuf';
import { isReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { parseReference } from '@protect/oci/reference';
import { ControlService } from '@protect/proto/control';

const keys = ['zone', 'workload', 'name', 'image', 'reservation', 'target'] as const;

type ObjectKey = (typeof keys)[number];
type Fields = Readonly<Partial<Record<ObjectKey, string>>>;

/** What a call is about, as far as its request says. */
export type CallObject = Fields;

type MethodName = keyof typeof ControlService.method;

/** Longest text of a caller's that gets into the audit, in characters. */
const maxTextCharacters = 256;

/**
 * For each method the fields of its request that name what it is about. Nothing else of a request gets into
 * the audit: it may be a secret.
 */
const requestFields: Readonly<Record<MethodName, Fields>> = {
  getHostStatus: {},
  snoopIdm: {},
  getHostCpuTopology: {},
  listDevices: {},
  createNetworkReservation: {},
  destroyNetworkReservation: { reservation: 'reservation_id' },
  listNetworkReservations: {},
  pullImage: { image: 'image' },
  importImage: { image: 'image' },
  removeImage: { image: 'digest' },
  listImages: {},
  createZone: { name: 'spec.name' },
  destroyZone: { zone: 'zone_id' },
  resolveZoneId: { name: 'name' },
  resolveZoneIds: { name: 'name' },
  getZone: { zone: 'zone_id' },
  listZones: {},
  updateZoneResources: { zone: 'zone_id' },
  configureZoneNetwork: { zone: 'zone_id' },
  attachZoneConsole: { zone: 'zone_id' },
  executeZoneCommand: { zone: 'start.zone_id', workload: 'start.workload_id' },
  readZoneMetrics: { zone: 'zone_id' },
  monitorZoneKernelEvents: { zone: 'zone_id' },
  createWorkload: { zone: 'spec.zone_id', name: 'spec.name', image: 'spec.image.digest' },
  startWorkload: { workload: 'workload_id' },
  stopWorkload: { workload: 'workload_id' },
  destroyWorkload: { workload: 'workload_id' },
  attachWorkloadConsole: { workload: 'workload_id' },
  resolveWorkloadId: { name: 'name' },
  resolveWorkloadIds: { name: 'name' },
  listWorkloads: {},
  getWorkload: { workload: 'workload_id' },
  watchEvents: {},
  readHypervisorConsole: {},
  hypervisorDebugInfo: {},
  setHostPowerManagementPolicy: {},
  dialNetworkSocket: { zone: 'start.zone_id', target: 'start.address' },
};

/** The same of answers: the ids of what a call has made. */
const replyFields: Readonly<Partial<Record<MethodName, Fields>>> = {
  createNetworkReservation: { reservation: 'reservation.uuid' },
  createZone: { zone: 'zone_id' },
  createWorkload: { workload: 'workload_id' },
};

type Getter = readonly [key: ObjectKey, path: readonly DescField[]];

const requestGetters = compile(requestFields, 'input');
const replyGetters = compile(replyFields, 'output');

/** What a request is about; of a stream, its first message says. */
export function objectOfRequest(method: DescMethod, message: Message): CallObject {
  return read(requestGetters.get(method.name) ?? [], method.input, message);
}

/** What an answer says that the call has made. */
export function objectOfReply(method: DescMethod, message: Message): CallObject {
  return read(replyGetters.get(method.name) ?? [], method.output, message);
}

function read(getters: readonly Getter[], schema: DescMessage, message: Message): CallObject {
  const object: Partial<Record<ObjectKey, string>> = {};
  for (const [key, path] of getters) {
    const value = valueAt(schema, message, path);
    if (typeof value === 'string' && value !== '')
      object[key] = key === 'image' ? imageText(value) : text(value);
  }
  return object;
}

function valueAt(schema: DescMessage, message: Message, path: readonly DescField[]): unknown {
  let value: unknown = reflect(schema, message);
  for (const field of path) {
    if (!isReflectMessage(value) || !value.isSet(field)) return undefined;
    value = value.get(field);
  }
  return value;
}

/** A caller may write anything in the place of a reference, such as a URL with a password. */
function imageText(reference: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(reference)) return reference;
  try {
    parseReference(reference);
    return text(reference);
  } catch {
    return `[${Buffer.byteLength(reference)} bytes]`;
  }
}

function text(value: string): string {
  const printable = value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
  return printable.length <= maxTextCharacters ? printable : `${printable.slice(0, maxTextCharacters - 1)}…`;
}

/** Looks the fields up once; a path that leads nowhere is a mistake in the table. */
function compile(
  table: Readonly<Partial<Record<MethodName, Fields>>>,
  side: 'input' | 'output',
): ReadonlyMap<string, readonly Getter[]> {
  const getters = new Map<string, readonly Getter[]>();
  for (const method of ControlService.methods) {
    const fields = Object.entries(table).find(([name]) => name === method.localName)?.[1] ?? {};
    getters.set(
      method.name,
      keys.flatMap((key) => {
        const path = fields[key];
        return path === undefined ? [] : [[key, fieldsOn(method[side], path.split('.'))] as const];
      }),
    );
  }
  return getters;
}

function fieldsOn(schema: DescMessage, names: readonly string[]): DescField[] {
  const [name, ...rest] = names;
  if (name === undefined) return [];
  const field = schema.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`${schema.typeName} has no field ${name}`);
  if (rest.length === 0) return [field];
  if (field.fieldKind !== 'message') throw new Error(`${schema.typeName}.${name} is no message`);
  return [field, ...fieldsOn(field.message, rest)];
}
