// Runs in a Dom0 whose services are up: measures zones against bare domains of the same kernel and ramdisk,
// in turns, and prints the measurements as one line of JSON.
//   usage: in-dom0.ts <echo ramdisk>

import { newZoneId } from '@protect/config/ids';
import { statePaths } from '@protect/config/paths';
import { openSource } from '@protect/oci/open-source';
import { parseReference } from '@protect/oci/reference';
import { unpackZoneInitrd, unpackZoneKernel } from '@protect/oci/zone-kernel';
import { pino } from 'pino';
import { connectControl } from '../../scripts/stack/control-client.ts';
import { projectRoot } from '../../scripts/stack/stack.ts';
import { openIdmConnection } from '../../services/daemon/src/idm/connection.ts';
import { destroyZone, launchZone } from '../../test/system/guests.ts';
import { type Measurement, medianOf, milliseconds } from '../measurement.ts';
import { echoOf, pingOf, reportIdm, type Speed, speedOf } from '../round-trips.ts';
import { type BareDomainSpec, createBareDomain } from './bare-domain.ts';

const launches = 5;
const rounds = 3;
const memoryMib = 256;
const bootMs = 120_000;

const [echoInitrd] = process.argv.slice(2);
if (echoInitrd === undefined) throw new Error('usage: in-dom0.ts <echo ramdisk>');
const paths = statePaths('/var/lib/edera/protect');
const signal = AbortSignal.timeout(900_000);
const built = (kind: 'kernel' | 'initrd') => ({
  image: openSource(parseReference(`oci:${projectRoot}zone/build/${kind}`)),
  cacheDir: paths.bootCache,
  signal,
});
const { kernelPath } = await unpackZoneKernel(built('kernel'));
const { initrdPath } = await unpackZoneInitrd(built('initrd'));
const control = connectControl(paths.daemonSocket);
try {
  const measurements = [await measureLaunch(), await measureIdm()];
  process.stdout.write(`${JSON.stringify(measurements)}\n`);
} finally {
  control.close();
}

function bare(name: string, initrd: string, cpus: number): BareDomainSpec {
  return { name, kernelPath, initrdPath: initrd, memoryMib, cpus };
}

async function measureLaunch(): Promise<Measurement> {
  const size = { maxMemory: BigInt(memoryMib), targetMemory: BigInt(memoryMib), maxCpus: 1, targetCpus: 1 };
  const zones: number[] = [];
  const domains: number[] = [];
  // The first zone unpacks its kernel's modules; and turns are taken, so that a busy machine slows both.
  for (let run = 0; run <= launches; run++) {
    const began = performance.now();
    const zone = await launchZone(control.client, { initialResources: size });
    if (run > 0) zones.push(performance.now() - began);
    await destroyZone(control.client, zone.id);
    if (run > 0) domains.push(await bareBoot());
  }
  const [zone, domain] = [medianOf(zones), medianOf(domains)];
  return {
    title: 'Launch under Xen',
    how: `Medians of ${launches} runs taken in turns. The bare domain is made by \`xl create\` from the same kernel and ramdisk, with the same memory and one processor, without disk and network, and counts until the first words of its PID 1.`,
    figures: [
      { what: 'CreateZone to READY', value: milliseconds(zone), aim: '' },
      { what: '`xl create` to PID 1', value: milliseconds(domain), aim: '' },
      { what: 'ratio', value: (zone / domain).toFixed(2), aim: '≤ 1.3' },
    ],
  };
}

async function bareBoot(): Promise<number> {
  const began = performance.now();
  await using domain = await createBareDomain(bare('bench-boot', echoInitrd ?? '', 1));
  await domain.says('bare machine up', AbortSignal.timeout(bootMs));
  return performance.now() - began;
}

async function measureIdm(): Promise<Measurement> {
  const idm: Speed[] = [];
  const echo: Speed[] = [];
  for (let round = 0; round < rounds; round++) {
    idm.push(await idmSpeed());
    echo.push(await echoSpeed());
  }
  return reportIdm('IDM over vchan', rounds, idm, echo);
}

async function idmSpeed(): Promise<Speed> {
  await using domain = await createBareDomain(bare('bench-idm', initrdPath, 1));
  const logger = pino({ level: 'silent' });
  const connection = openIdmConnection(domain.openVchan(), { zoneId: newZoneId(), logger, version: 'bench' });
  await connection.hello({ deadlineMs: bootMs });
  return await speedOf(pingOf(connection));
}

async function echoSpeed(): Promise<Speed> {
  await using domain = await createBareDomain(bare('bench-echo', echoInitrd ?? '', 1));
  return await speedOf(echoOf(domain.openVchan()));
}
