import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseTaskUsage, readGroupUsage } from './usage.ts';

describe('parseTaskUsage', () => {
  it('reads processor time and memory, whatever the program is called', () => {
    const stat =
      '4711 (qemu) (x 1 2) S 1 4711 4711 0 -1 4194624 9 0 0 0 150 250 0 0 20 0 4 0 8000 900000000 52224 18446744073709551615 1';
    expect(parseTaskUsage(stat)).toEqual({ cpuSeconds: 4, residentBytes: 52_224 * 4096 });
  });

  it('refuses what is cut off', () => {
    expect(() => parseTaskUsage('4711 (qemu) S 1 2')).toThrow('cut off');
    expect(() => parseTaskUsage('')).toThrow('cut off');
  });
});

describe('readGroupUsage', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'protect-groups-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function group(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const path = join(folder, name);
    await mkdir(path);
    for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
    return path;
  }

  it('reads version 2', async () => {
    const path = await group('zone', {
      'cpu.stat': 'usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n',
      'memory.current': '104857600\n',
    });
    expect(await readGroupUsage([path])).toEqual({ cpuSeconds: 1.5, memoryBytes: 104_857_600 });
  });

  it('reads version 1, whose parts are folders of their own', async () => {
    const memory = await group('memory', { 'memory.usage_in_bytes': '4096\n' });
    const cpu = await group('cpu', { 'cpu.stat': 'nr_periods 0\n', 'cpuacct.usage': '2500000000\n' });
    expect(await readGroupUsage([memory, cpu])).toEqual({ cpuSeconds: 2.5, memoryBytes: 4096 });
  });

  it('finds nothing where there are none', async () => {
    expect(await readGroupUsage([])).toEqual({ cpuSeconds: undefined, memoryBytes: undefined });
    expect(await readGroupUsage([join(folder, 'gone')])).toEqual({
      cpuSeconds: undefined,
      memoryBytes: undefined,
    });
  });
});
