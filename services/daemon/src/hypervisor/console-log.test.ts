import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { newZoneId } from '@protect/config/ids';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConsoleLog, openConsoleLog, readConsoleHistory } from './console-log.ts';
import type { DomainEnd } from './hypervisor.ts';

const logger = pino({ level: 'silent' });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-console-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function fakeDomain() {
  const opened: Duplex[] = [];
  const opening = Promise.withResolvers<Duplex>();
  const ended = Promise.withResolvers<DomainEnd>();
  return {
    zoneId: newZoneId(),
    ended: ended.promise,
    end: () => ended.resolve({ kind: 'poweroff' as const }),
    /** The zone's end of the first connection. */
    zoneSide: opening.promise,
    opened,
    async openConsole(signal: AbortSignal): Promise<Duplex> {
      if (opened.length > 0) await once(signal, 'abort');
      signal.throwIfAborted();
      const [host, zone] = duplexPair();
      opened.push(zone);
      opening.resolve(zone);
      return host;
    },
  };
}

async function over(log: ConsoleLog): Promise<void> {
  for await (const _ of log.follow(new AbortController().signal)) {
    // Runs until the console is over.
  }
}

describe('a console log', () => {
  it('gives followers what was printed before, then what follows, without a gap or a repetition', async () => {
    const domain = fakeDomain();
    const log = openConsoleLog(domain, join(folder, 'console.log'), { logger });
    const zone = await domain.zoneSide;
    const first = log.follow(new AbortController().signal)[Symbol.asyncIterator]();
    const firstChunk = first.next();
    zone.write('early ');
    expect(String((await firstChunk).value)).toBe('early ');

    let seen = '';
    for await (const chunk of log.follow(new AbortController().signal, { replay: true })) {
      seen += chunk;
      if (seen === 'early ') {
        zone.write('late');
        zone.end();
        domain.end();
      }
    }
    expect(seen).toBe('early late');
    await log.close();
    expect(String(await readConsoleHistory(join(folder, 'console.log')))).toBe('early late');
  });

  it('keeps the last words of a zone that ends', async () => {
    const domain = fakeDomain();
    const path = join(folder, 'console.log');
    const log = openConsoleLog(domain, path, { logger });
    const zone = await domain.zoneSide;
    zone.end('Kernel panic');
    domain.end();
    await over(log);
    expect(String(await readConsoleHistory(path))).toBe('Kernel panic');
  });

  it('keeps no more than two segments, and the newest bytes', async () => {
    const domain = fakeDomain();
    const path = join(folder, 'console.log');
    const log = openConsoleLog(domain, path, { logger, segmentBytes: 1000 });
    const zone = await domain.zoneSide;
    for (let line = 0; line < 500; line++) {
      if (!zone.write(`line ${String(line).padStart(4, '0')}\n`)) await once(zone, 'drain');
      if (line % 50 === 0) await log.history();
    }
    zone.end();
    domain.end();
    await over(log);
    expect((await readdir(folder)).sort()).toEqual(['console.log', 'console.log.1']);
    for (const name of await readdir(folder)) {
      expect((await stat(join(folder, name))).size).toBeLessThanOrEqual(1000);
    }
    const kept = String(await readConsoleHistory(path));
    expect(kept.endsWith('line 0499\n')).toBe(true);
  });

  it('passes on what is typed, and says UNAVAILABLE when nothing is connected', async () => {
    const domain = fakeDomain();
    const log = openConsoleLog(domain, join(folder, 'console.log'), { logger });
    const zone = await domain.zoneSide;
    const printed = log.follow(new AbortController().signal)[Symbol.asyncIterator]().next();
    zone.write('$ ');
    await printed;
    await log.write(Buffer.from('ls\n'));
    expect(String(zone.read())).toBe('ls\n');
    domain.end();
    await log.close();
    await expect(log.write(Buffer.from('x'))).rejects.toThrow('not connected');
  });
});
