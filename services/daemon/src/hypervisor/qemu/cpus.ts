import { Code, ConnectError } from '@connectrpc/connect';
import { z } from 'zod';
import { withDeadline } from '../deadline.ts';
import { type QmpClient, QmpError } from './qmp.ts';

/** Milliseconds for a zone's kernel to let go of a CPU. */
const unplugDeadlineMs = 10_000;

const placesSchema = z.array(
  z.looseObject({
    type: z.string(),
    props: z.looseObject({ 'socket-id': z.number() }),
    /** Set where there is a CPU. */
    'qom-path': z.string().optional(),
  }),
);

type Place = z.infer<typeof placesSchema>[number];

const accelerationSchema = z.looseObject({ enabled: z.boolean() });

/** What it needs of QEMU. */
type Qmp = Pick<QmpClient, 'execute' | 'onEvent'>;

/**
 * Plugs CPUs in, or out from the last one on, until the machine has `wanted`; one call at a time. Under emulation none is
 * plugged out: QEMU 7.2 counts the threads of all CPUs that a machine ever had, and dies when they are more than it may
 * have at once.
 */
export async function plugCpus(qmp: Qmp, wanted: number, signal: AbortSignal): Promise<void> {
  const places = await readPlaces(qmp, signal);
  const taken = places.filter((place) => place['qom-path'] !== undefined);
  const free = places.filter((place) => place['qom-path'] === undefined);
  for (const place of free.slice(0, Math.max(0, wanted - taken.length))) await plug(qmp, place, signal);
  if (taken.length <= wanted) return;
  const { enabled: hasKvm } = await qmp.execute('query-kvm', accelerationSchema, {}, signal);
  if (!hasKvm) return;
  for (const place of taken.slice(wanted).reverse()) await unplug(qmp, place, signal);
}

/** The places for CPUs, in the order of the zone's own numbers. */
async function readPlaces(qmp: Qmp, signal: AbortSignal): Promise<Place[]> {
  const places = await qmp.execute('query-hotpluggable-cpus', placesSchema, {}, signal);
  return places.sort((a, b) => socketOf(a) - socketOf(b));
}

function socketOf({ props }: Place): number {
  return props['socket-id'];
}

async function plug(qmp: Qmp, place: Place, signal: AbortSignal): Promise<void> {
  const device = { driver: place.type, id: `cpu${socketOf(place)}`, ...place.props };
  await qmp.execute('device_add', z.unknown(), device, signal);
}

async function unplug(qmp: Qmp, place: Place, signal: AbortSignal): Promise<void> {
  const path = place['qom-path'];
  if (path === undefined) return;
  let changed = Promise.withResolvers<void>();
  // QEMU tells of the end of a part of a CPU and of what the zone's kernel says, not of the CPU itself.
  const stop = qmp.onEvent(({ name }) => {
    if (name === 'DEVICE_DELETED' || name === 'ACPI_DEVICE_OST') changed.resolve();
  });
  const gone = async () => {
    for (;;) {
      await changed.promise;
      changed = Promise.withResolvers<void>();
      const now = (await readPlaces(qmp, signal)).find((one) => socketOf(one) === socketOf(place));
      if (now?.['qom-path'] === undefined) return;
    }
  };
  try {
    await qmp.execute('device_del', z.unknown(), { id: path }, signal);
    await withDeadline(gone(), 'to let go of a CPU', unplugDeadlineMs, signal);
  } catch (error) {
    const isRefusal = error instanceof QmpError || ConnectError.from(error).code === Code.DeadlineExceeded;
    if (!isRefusal) throw error;
    const text = `the zone's kernel does not let go of CPU ${socketOf(place)}`;
    throw new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
  } finally {
    stop();
  }
}
