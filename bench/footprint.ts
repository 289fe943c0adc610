import { destroyZone, execute, launchWorkload, launchZone } from '../test/system/guests.ts';
import { busyboxImage } from '../test/system/images.ts';
import type { TestStack } from '../test/system/stack.ts';
import { type Figure, type Measurement, mebibytes, medianOf, milliseconds } from './measurement.ts';
import { residentBytes } from './process-memory.ts';

const zoneMemoryMib = 128n;
const restarts = 5;

/** Memory of a small zone on the host and inside, and of the five services at idle with their start time. */
export async function measureFootprint(stack: TestStack): Promise<Measurement> {
  const figures = [...(await serviceFigures(stack)), ...(await zoneFigures(stack))];
  return {
    title: 'Footprint',
    how: `Resident sets from /proc. Start: from spawn to the \`ready\` log line, median of ${restarts} restarts, one service at a time.`,
    figures,
  };
}

async function serviceFigures(stack: TestStack): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, service] of Object.entries(stack.services)) {
    const took: number[] = [];
    for (let index = 0; index < restarts; index++) {
      await service.restart();
      took.push(service.startedInMs);
    }
    figures.push({ what: `protect-${name}: start`, value: milliseconds(medianOf(took)), aim: '≤ 800 ms' });
  }
  for (const [name, service] of Object.entries(stack.services)) {
    figures.push({
      what: `protect-${name}: resident at idle`,
      value: mebibytes(residentBytes(service.id.pid)),
      aim: '≤ 110 MiB',
    });
  }
  return figures;
}

async function zoneFigures(stack: TestStack): Promise<Figure[]> {
  const zone = await launchZone(stack.client, {
    name: 'footprint',
    initialResources: { maxMemory: zoneMemoryMib, targetMemory: zoneMemoryMib, maxCpus: 1, targetCpus: 1 },
  });
  const hypervisor = residentBytes(zone.status?.domid ?? 0);
  const workloadId = await launchWorkload(stack.client, zone.id, await busyboxImage(), ['sleep', '100000']);
  const { stdout } = await execute(stack.client, { workloadId }, ['cat', '/proc/meminfo']);
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(stdout)?.[1]) * 1024;
  const used = field('MemTotal') - field('MemAvailable');
  await destroyZone(stack.client, zone.id);
  return [
    { what: `QEMU of a ${zoneMemoryMib} MiB zone: resident`, value: mebibytes(hypervisor), aim: '' },
    { what: 'memory in use inside it, with one sleeping workload', value: mebibytes(used), aim: '' },
    { what: 'memory that its kernel leaves to it', value: mebibytes(field('MemTotal')), aim: '' },
  ];
}
