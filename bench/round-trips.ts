import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { IdmConnection } from '../services/daemon/src/idm/connection.ts';
import { type Measurement, medianOf } from './measurement.ts';

const smallBytes = 64;
const smallCalls = 1_000;
const bulkBytes = 48 * 1024;
const bulkCalls = 200;
/** Bulk transfers keep this many messages under way, as output streams do. */
const bulkInFlight = 4;

/** Round trips a second and throughput of one channel. */
export interface Speed {
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
}

/** Sends `bytes` bytes to the other side and settles when as many have come back. */
export type RoundTrip = (bytes: number) => Promise<void>;

/** IDM's own ping. */
export function pingOf(connection: IdmConnection): RoundTrip {
  return async (bytes) => {
    const { response } = await connection.request({
      case: 'ping',
      value: { payload: new Uint8Array(bytes) },
    });
    if (response.case !== 'ping' || response.value.payload.length !== bytes)
      throw new Error('that is no answer to a ping');
  };
}

/** A program that returns bare bytes. Answers come in the order of the questions, so bytes are simply counted off. */
export function echoOf(port: Duplex): RoundTrip {
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

/** Measures one channel, after the first round trip, which waits for the boot. */
export async function speedOf(roundTrip: RoundTrip): Promise<Speed> {
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

/** IDM beside the echo, as medians over `machines` each. */
export function reportIdm(
  title: string,
  machines: number,
  idm: readonly Speed[],
  echo: readonly Speed[],
): Measurement {
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
    title,
    how: `Medians of ${machines} machines each, taken in turns; one processor. Round trips carry ${smallBytes} bytes; throughput is ${bulkInFlight} messages of ${bulkBytes / 1024} KiB under way, both directions counted. The echo returns bare bytes, without frame, checksum or protobuf.`,
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
