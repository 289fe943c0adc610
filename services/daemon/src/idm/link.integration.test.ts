import type { Inventory } from '@protect/proto/idm';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Domain, DomainSpec } from '../hypervisor/hypervisor.ts';
import { type BootFixture, createBootFixture } from '../hypervisor/qemu/boot-fixture.ts';
import { createQemuHypervisor } from '../hypervisor/qemu/driver.ts';
import { type IdmLink, startIdmLink } from './link.ts';

const logger = pino({ level: 'silent' });

let fixture: BootFixture;
let spec: DomainSpec;
let domain: Domain;
let link: IdmLink;
let inventoryArrived = Promise.withResolvers<Inventory>();

function signal(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

/** What the zone holds, asked by greeting it on a new connection. */
async function inventory(): Promise<Inventory> {
  const connection = await link.connected(signal());
  inventoryArrived = Promise.withResolvers();
  connection.close();
  return await inventoryArrived.promise;
}

async function zoneSees(serials: readonly string[]): Promise<void> {
  const wanted = [...serials].sort().join();
  const deadline = signal();
  // The zone's kernel finds disks in its own time and init tells of them after a hello only.
  while ([...(await inventory()).diskSerials].sort().join() !== wanted) deadline.throwIfAborted();
}

beforeAll(async () => {
  fixture = await createBootFixture();
  spec = await fixture.zoneSpec();
  const hypervisor = createQemuHypervisor({ paths: fixture.paths, logger, acceleration: 'tcg' });
  domain = await hypervisor.start(spec, signal());
  link = startIdmLink({
    domain,
    logger,
    version: 'test',
    onEvent: ({ event }) => {
      if (event.case === 'inventory') inventoryArrived.resolve(event.value);
    },
  });
  await link.connected(signal());
});
afterAll(async () => {
  await link?.close();
  await domain?.destroy(signal());
  await fixture?.[Symbol.asyncDispose]();
});

describe('IDM with a real zone', () => {
  it('greets, and tells what the zone holds on every connection', async () => {
    expect(link.hello?.kernelRelease).toMatch(/^\d+\.\d+/);
    for (let again = 0; again < 10; again++) {
      expect((await inventory()).configured).toBe(false);
    }
  });

  it('carries frames of every size both ways', async () => {
    const connection = await link.connected(signal());
    for (const size of [0, 1, 249, 250, 255, 256, 257, 4096, 65_000]) {
      const payload = Buffer.alloc(size, 'payload');
      const { response } = await connection.request({ case: 'ping', value: { payload } });
      expect(response.case === 'ping' && Buffer.from(response.value.payload).equals(payload)).toBe(true);
    }
  });

  it('runs a command and carries its output and exit', async () => {
    const connection = await link.connected(signal());
    const process = { command: ['/usr/bin/crun', '--version'], workingDirectory: '/' };
    const stream = connection.exec({ process });
    let output = '';
    let code: number | undefined;
    for await (const { response } of stream.responses) {
      if (response.case === 'output') output += Buffer.from(response.value.data).toString();
      if (response.case === 'exited') code = response.value.code;
    }
    expect([code, output]).toEqual([0, expect.stringContaining('crun version')]);
  });

  it('shows the zone 40 disks plugged in at once, and that they are gone', async () => {
    const serials = Array.from({ length: 40 }, (_, index) => `disk-${index}`);
    const disks = await Promise.all(serials.map((serial) => fixture.disk(spec.zoneId, spec.uid, serial)));
    await Promise.all(disks.map((disk) => domain.attachDisk(disk, signal())));
    await zoneSees(serials);
    await Promise.all(serials.map((serial) => domain.detachDisk(serial, signal())));
    await zoneSees([]);
  });

  it('powers the zone off when asked', async () => {
    const connection = await link.connected(signal());
    await connection.request({ case: 'shutdown', value: { graceMs: 0 } });
    expect(await domain.ended).toEqual({ kind: 'poweroff' });
  });
});
