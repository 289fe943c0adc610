import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { plugCpus } from './cpus.ts';
import { QmpError, type QmpEvent } from './qmp.ts';

/** QEMU with four places, as it answers; unplugging is tried against the real one only where that can. */
function machine(cpus: number, { kvm = true, refuses = false } = {}) {
  const taken = new Set(Array.from({ length: cpus }, (_, socket) => socket));
  const listeners = new Set<(event: QmpEvent) => void>();
  const tell = (name: string, data = {}) => {
    for (const listener of listeners) listener({ name, data });
  };
  const answers: Record<string, (args: Readonly<Record<string, unknown>>) => unknown> = {
    'query-kvm': () => ({ enabled: kvm, present: true }),
    // From the last place on, as QEMU lists them.
    'query-hotpluggable-cpus': () =>
      [3, 2, 1, 0].map((socket) => ({
        type: 'host-x86_64-cpu',
        props: { 'socket-id': socket, 'core-id': 0, 'thread-id': 0 },
        ...(taken.has(socket) ? { 'qom-path': `/machine/peripheral/cpu${socket}` } : {}),
      })),
    device_add: (args) => void taken.add(Number(args['socket-id'])),
    device_del: ({ id }) => {
      if (refuses) throw new QmpError('device_del', 'GenericError', 'not now');
      const socket = Number(/\d+$/.exec(String(id))?.[0]);
      queueMicrotask(() => {
        tell('ACPI_DEVICE_OST', { info: { slot: String(socket), status: 132 } });
        taken.delete(socket);
        tell('DEVICE_DELETED', { path: `${id}/lapic` });
      });
      return {};
    },
  };
  return {
    taken,
    async execute<T>(command: string, result: z.ZodType<T>, args: Readonly<Record<string, unknown>>) {
      return result.parse(answers[command]?.(args));
    },
    onEvent(listener: (event: QmpEvent) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const signal = new AbortController().signal;

test('the first places are taken, and the last ones given up', async () => {
  const qmp = machine(1);
  await plugCpus(qmp, 3, signal);
  expect([...qmp.taken]).toEqual([0, 1, 2]);
  await plugCpus(qmp, 2, signal);
  expect([...qmp.taken]).toEqual([0, 1]);
});

test('nothing is plugged out under emulation', async () => {
  const qmp = machine(3, { kvm: false });
  await plugCpus(qmp, 1, signal);
  expect(qmp.taken.size).toBe(3);
});

test('a CPU that stays is told', async () => {
  await expect(plugCpus(machine(2, { refuses: true }), 1, signal)).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: "the zone's kernel does not let go of CPU 1",
  });
});
