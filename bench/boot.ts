import { once } from 'node:events';
import { destroyZone, launchZone } from '../test/system/guests.ts';
import type { TestStack } from '../test/system/stack.ts';
import { argumentsOf, type MachineArguments, startBareMachine } from './bare-machine.ts';
import { type Measurement, medianOf, milliseconds } from './measurement.ts';

const runs = 5;
const memoryMib = 256n;

/** From CreateZone to READY, against bare QEMU with the same kernel, ramdisk and processors to its PID 1. */
export async function measureBoot(stack: TestStack): Promise<Measurement> {
  const resources = { maxMemory: memoryMib, targetMemory: memoryMib };
  let machine: MachineArguments | undefined;
  const zones: number[] = [];
  const bare: number[] = [];
  // The first zone unpacks its kernel; and turns are taken, so that a busy machine slows both.
  for (let run = 0; run <= runs; run++) {
    const began = performance.now();
    const zone = await launchZone(stack.client, { initialResources: resources });
    if (run > 0) zones.push(performance.now() - began);
    machine ??= argumentsOf(zone.status?.domid ?? 0);
    await destroyZone(stack.client, zone.id);
    if (run > 0) bare.push(await bareBoot(machine));
  }
  const [zone, qemu] = [medianOf(zones), medianOf(bare)];
  return {
    title: 'Launch',
    how: `Medians of ${runs} runs taken in turns. Bare QEMU has the same kernel, ramdisk, command line, processors and memory, and counts until the first byte of its PID 1.`,
    figures: [
      { what: 'CreateZone to READY', value: milliseconds(zone), aim: '' },
      { what: 'bare QEMU to its PID 1', value: milliseconds(qemu), aim: '' },
      { what: 'ratio', value: (zone / qemu).toFixed(2), aim: '≤ 1.25' },
    ],
  };
}

async function bareBoot(machine: MachineArguments): Promise<number> {
  const signal = AbortSignal.timeout(60_000);
  const began = performance.now();
  const bare = await startBareMachine(machine, signal);
  try {
    await once(bare.port, 'data', { signal });
    return performance.now() - began;
  } finally {
    await bare.end();
  }
}
