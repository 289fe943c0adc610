import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newZoneId } from '@protect/config/ids';
import { pino } from 'pino';
import { type IdmConnection, openIdmConnection } from '../services/daemon/src/idm/connection.ts';
import { destroyZone, launchZone } from '../test/system/guests.ts';
import type { TestStack } from '../test/system/stack.ts';
import { encodeNewc } from '../zone/initrd/newc.ts';
import { argumentsOf, type MachineArguments, startBareMachine } from './bare-machine.ts';
import { type Measurement, medianOf } from './measurement.ts';

const rounds = 3;
const smallBytes = 64;
const smallCalls = 1_000;
const bulkBytes = 48 * 1024;
const bulkCalls = 200;
/** Bulk transfers keep this many messages under way, as output streams do. */
const bulkInFlight = 4;

/** Round trips a second and throughput of one channel. */
interface Speed {
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
}

/** Sends `bytes` bytes to the other side and settles when as many have come back. */
type RoundTrip = (bytes: number) => Promise<void>;

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
    return report(idm, echo);
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

function pingOf(connection: IdmConnection): RoundTrip {
  return async (bytes) => {
    const { response } = await connection.request({
      case: 'ping',
      value: { payload: new Uint8Array(bytes) },
    });
    if (response.case !== 'ping' || response.value.payload.length !== bytes)
      throw new Error('that is no answer to a ping');
  };
}

async function echoSpeed(machine: MachineArguments): Promise<Speed> {
  const bare = await startBareMachine(machine, AbortSignal.timeout(120_000));
  try {
    return await speedOf(echoOf(bare.port));
  } finally {
    await bare.end();
  }
}

/** Answers come in the order of the questions, so bytes are simply counted off. */
function echoOf(port: Socket): RoundTrip {
  const waiting: { left: number; done: () => void }[] = [];
  port.on('data', (chunk: Buffer) => {
    let bytes = chunk.length;
    while (bytes > 0 && waiting[0]) {
      const taken = Math.min(bytes, waiting[0].left);
      waiting[0].left -= taken;
      bytes -= taken;
      if (waiting[0].left === 0) waiting.shift()?.done();
    }
  });
  return async (bytes) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push({ left: bytes, done: resolve });
    if (!port.write(Buffer.alloc(bytes))) await once(port, 'drain');
    await promise;
  };
}

async function speedOf(roundTrip: RoundTrip): Promise<Speed> {
  // The first one waits for the boot.
  await roundTrip(smallBytes);
  const small = await secondsOf(async () => {
    for (let call = 0; call < smallCalls; call++) await roundTrip(smallBytes);
  });
  const bulk = await secondsOf(async () => {
    const lane = async () => {
      for (let call = 0; call < bulkCalls / bulkInFlight; call++) await roundTrip(bulkBytes);
    };
    await Promise.all(Array.from({ length: bulkInFlight }, lane));
  });
  return { perSecond: smallCalls / small, megabytesPerSecond: (2 * bulkCalls * bulkBytes) / bulk / 1e6 };
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function report(idm: readonly Speed[], echo: readonly Speed[]): Measurement {
  const [idmTrips, echoTrips] = [idm, echo].map((speeds) =>
    medianOf(speeds.map(({ perSecond }) => perSecond)),
  );
  const [idmBulk, echoBulk] = [idm, echo].map((speeds) =>
    medianOf(speeds.map(({ megabytesPerSecond }) => megabytesPerSecond)),
  );
  const perSecond = (value = Number.NaN) => `${value.toFixed(0)} /s`;
  const megabytes = (value = Number.NaN) => `${value.toFixed(1)} MB/s`;
  const ratio = (a = Number.NaN, b = Number.NaN) => (a / b).toFixed(2);
  return {
    title: 'IDM',
    how: `Medians of ${rounds} machines each, taken in turns; one processor. Round trips carry ${smallBytes} bytes; throughput is ${bulkInFlight} messages of ${bulkBytes / 1024} KiB under way, both directions counted. The echo returns bare bytes, without frame, checksum or protobuf.`,
    figures: [
      { what: 'IDM round trips', value: perSecond(idmTrips), aim: '' },
      { what: 'echo round trips', value: perSecond(echoTrips), aim: '' },
      { what: 'ratio', value: ratio(idmTrips, echoTrips), aim: '' },
      { what: 'IDM throughput', value: megabytes(idmBulk), aim: '' },
      { what: 'echo throughput', value: megabytes(echoBulk), aim: '' },
      { what: 'ratio', value: ratio(idmBulk, echoBulk), aim: '' },
    ],
  };
}
