import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConsoleLog } from './console-log.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'console-log-'));
  path = join(folder, 'console.log');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function all(log: ConsoleLog, from = 0): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of log.read(from, new AbortController().signal)) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('console log', () => {
  it('gives history and what follows without a gap', async () => {
    const log = await ConsoleLog.open(path, 1000);
    await log.append(Buffer.from('before '));
    const reading = all(log);
    await log.append(Buffer.from('after'));
    log.close();
    expect(await reading).toBe('before after');
  });

  it('gives only what follows when asked from its end', async () => {
    const log = await ConsoleLog.open(path, 1000);
    await log.append(Buffer.from('before '));
    const reading = all(log, log.end);
    await log.append(Buffer.from('after'));
    log.close();
    expect(await reading).toBe('after');
  });

  it('keeps two files of bounded size, the newest bytes in them', async () => {
    const log = await ConsoleLog.open(path, 100);
    for (let i = 0; i < 100; i++) await log.append(Buffer.from(`line ${String(i).padStart(4, '0')}\n`));
    log.close();
    expect((await stat(path)).size).toBeLessThanOrEqual(100);
    expect((await stat(`${path}.1`)).size).toBeLessThanOrEqual(100);
    const kept = await all(log);
    expect(kept.endsWith('line 0099\n')).toBe(true);
    expect(kept.startsWith('line ')).toBe(true);
  });

  it('shows the history of an earlier daemon', async () => {
    const first = await ConsoleLog.open(path, 30);
    await first.append(Buffer.from('the zone boots\n'));
    await first.append(Buffer.from('the zone is ready\n'));
    const second = await ConsoleLog.open(path, 30);
    await second.append(Buffer.from('!'));
    second.close();
    expect(await all(second)).toBe('the zone boots\nthe zone is ready\n!');
  });
});
