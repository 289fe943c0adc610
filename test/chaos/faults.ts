import { setTimeout as delay } from 'node:timers/promises';
import { killProcess } from '../../scripts/stack/process-id.ts';
import { listWorkloads, listZones } from '../system/guests.ts';
import { machinesOf } from './machines.ts';
import type { Fault, ZoneSlot } from './plan.ts';
import { Violation } from './step-progress.ts';
import { hangMs, type World } from './world.ts';

/** Breaks something, and mends what a host's init would: settles when the fault is over. */
export async function inflict(world: World, fault: Fault): Promise<void> {
  const { services, nats } = world.stack;
  switch (fault.kind) {
    case 'kill-services': {
      const killed = fault.services.map((name) => services[name]);
      await Promise.all(killed.map((service) => service.kill9()));
      await delay(fault.awayMs);
      await Promise.all(killed.map((service) => service.restart()));
      return;
    }
    case 'restart-nats':
      return await nats.restart();
    case 'kill-nats':
      await nats.kill9();
      await delay(fault.awayMs);
      return await nats.restart();
    case 'end-machine':
      return await endMachine(world, fault.zone, fault.unseen);
    case 'fill-disk':
      try {
        await world.disk.fill();
        await Promise.all([delay(fault.fullMs), expectAnswer(world)]);
      } finally {
        await world.disk.free();
      }
      return;
    default:
      return fault satisfies never;
  }
}

/** How long the fault itself lasts, ms: nobody recovers meanwhile. */
export function lastingMs(fault: Fault): number {
  if (fault.kind === 'fill-disk') return fault.fullMs;
  return fault.kind === 'kill-services' || fault.kind === 'kill-nats' ? fault.awayMs : 0;
}

export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'kill-services':
      return `kill -9 ${fault.services.join(' ')}, away for ${fault.awayMs} ms`;
    case 'restart-nats':
      return 'restart nats-server';
    case 'kill-nats':
      return `kill -9 nats-server, away for ${fault.awayMs} ms`;
    case 'end-machine':
      return `kill -9 the machine of ${fault.zone}${fault.unseen ? ' while the daemon is away' : ''}`;
    case 'fill-disk':
      return `no space for ${fault.fullMs} ms`;
    default:
      return fault satisfies never;
  }
}

async function endMachine(world: World, slot: ZoneSlot, unseen: boolean): Promise<void> {
  const { signs, stack } = world;
  const { daemon } = stack.services;
  // A zone that is being launched gets its machine at some time.
  const machine = await signs.until(`a machine of ${slot}`, hangMs, async () =>
    machinesOf(stack.paths.zones).find(({ zoneId }) => zoneId === world.zones.get(slot)?.id),
  );
  if (unseen) await daemon.kill9();
  await killProcess(machine.process);
  if (unseen) await daemon.restart();
}

/** Questions are answered even then. */
async function expectAnswer({ stack }: World): Promise<void> {
  await Promise.all([listZones(stack.client), listWorkloads(stack.client)]).catch((error: unknown) => {
    throw new Violation('lists are refused when the disk is full', { cause: error });
  });
}
