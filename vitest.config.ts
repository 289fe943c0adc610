import { defineConfig } from 'vitest/config';

// unit: no other process; integration: real nats-server, sockets, namespaces, registry, QEMU per file; core: what every
// hypervisor driver must do, through the `protect` command alone; system: the five processes together, one file at a
// time; long: the same, for minutes; chaos: the same, while things break. One kind after the other.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: [
            '{packages,services,zone}/*/{src,test}/**/*.test.ts',
            'scripts/**/*.test.ts',
            'test/chaos/**/*.test.ts',
          ],
          exclude: ['**/*.integration.test.ts', '**/node_modules/**'],
        },
      },
      {
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          include: [
            '{packages,services,zone}/*/{src,test}/**/*.integration.test.ts',
            'scripts/**/*.integration.test.ts',
          ],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'core',
          sequence: { groupOrder: 2 },
          include: ['test/core/**/*.test.ts'],
          // A host gives up by itself (`patienceMs`), and sooner: Dom0 in emulation takes seconds for a command.
          testTimeout: 900_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'system',
          sequence: { groupOrder: 3 },
          include: ['test/system/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'long',
          sequence: { groupOrder: 4 },
          include: ['test/long/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 180_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'chaos',
          sequence: { groupOrder: 5 },
          include: ['test/chaos/**/*.integration.test.ts'],
          // Gives up by itself when something hangs, and sooner.
          testTimeout: 1_800_000,
          maxWorkers: 1,
        },
      },
    ],
  },
});
