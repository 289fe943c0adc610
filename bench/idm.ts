import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newZoneId } from '@protect/config/ids';
import { pino } from 'pino';
import { openIdmConnection } from '../services/daemon/src/idm/connection.ts';
import { destroyZone, launchZone } from '../test/system/guests.ts';
import type { TestStack } from '../test/system/stack.ts';
import { encodeNewc } from '../zone/initrd/newc.ts';
import { argumentsOf, type MachineArguments, startBareMachine } from './bare-machine.ts';
import type { Measurement } from './measurement.ts';
import { echoOf, pingOf, reportIdm, type Speed, speedOf } from './round-trips.ts';

const rounds = 3;

/** IDM's ping through the zone's init, against a program that returns bytes on the same port. */
export async function measureIdm(stack: TestStack): Promise<Measurement> {
  const zone = await launchZone(stack.client, { initialResources: { maxCpus: 1, targetCpus: 1 } });
  const machine = argumentsOf(zone.status?.domid ?? 0);
  await destroyZone(stack.client, zone.id);
  const folder = await mkdtemp(join(tmpdir(), 'protect-bench-'));
  try {
    const echoMachine = { ...machine, initrd: await buildEchoRamdisk(machine.initrd, folder) };
    const idm: Speed[] = [];
    const echo: Speed[] = [];
    for (let round = 0; round < rounds; round++) {
      idm.push(await idmSpeed(machine));
      echo.push(await echoSpeed(echoMachine));
    }
    return reportIdm('IDM', rounds, idm, echo);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The zone's ramdisk with another /init: the kernel unpacks archives in turn, the later file wins. */
async function buildEchoRamdisk(initrd: string, folder: string): Promise<string> {
  const program = join(folder, 'init');
  const source = join(import.meta.dirname, 'echo-init.c');
  await promisify(execFile)('gcc', ['-O2', '-static', '-Wall', '-o', program, source]);
  const original = await readFile(initrd);
  const padding = Buffer.alloc((4 - (original.length % 4)) % 4);
  const override = encodeNewc([{ type: 'file', path: 'init', mode: 0o755, bytes: await readFile(program) }]);
  const path = join(folder, 'initrd');
  await writeFile(path, Buffer.concat([original, padding, override]));
  return path;
}

async function idmSpeed(machine: MachineArguments): Promise<Speed> {
  const bare = await startBareMachine(machine, AbortSignal.timeout(120_000));
  try {
    const logger = pino({ level: 'silent' });
    const connection = openIdmConnection(bare.port, { zoneId: newZoneId(), logger, version: 'bench' });
    await connection.hello({ deadlineMs: 60_000 });
    return await speedOf(pingOf(connection));
  } finally {
    await bare.end();
  }
}

async function echoSpeed(machine: MachineArguments): Promise<Speed> {
  const bare = await startBareMachine(machine, AbortSignal.timeout(120_000));
  try {
    return await speedOf(echoOf(bare.port));
  } finally {
    await bare.end();
  }
}
