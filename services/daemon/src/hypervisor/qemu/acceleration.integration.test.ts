import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { probeAcceleration } from './acceleration.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-kvm-'));
  await writeFile(join(folder, 'kernel'), 'kernel');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function probe(script: string, device = '/dev/null'): Promise<'kvm' | 'tcg'> {
  const binary = join(folder, 'qemu');
  await writeFile(binary, `#!/bin/sh\n${script}\n`);
  await chmod(binary, 0o755);
  return await probeAcceleration({
    kernelPath: join(folder, 'kernel'),
    recordPath: join(folder, 'acceleration.json'),
    logger: pino({ level: 'silent' }),
    signal: AbortSignal.timeout(30_000),
    binary,
    device,
  });
}

describe('probeAcceleration', () => {
  it('answers tcg without the device, and starts nothing', async () => {
    expect(await probe('exit 0', join(folder, 'no-device'))).toBe('tcg');
  });

  it('answers kvm when the kernel came up, and tcg when the machine did not work', async () => {
    expect(await probe('exit 0')).toBe('kvm');
    expect(await probe('exit 1 # another program')).toBe('tcg');
  });

  it('answers tcg when the kernel hangs', async () => {
    expect(await probe('exec sleep 60')).toBe('tcg');
  });

  it('asks once, and again when the kernel is another', async () => {
    const count = `echo x >> ${join(folder, 'asked')}; exit 0`;
    const options = {
      kernelPath: join(folder, 'kernel'),
      recordPath: join(folder, 'acceleration.json'),
      logger: pino({ level: 'silent' }),
      signal: AbortSignal.timeout(30_000),
      binary: join(folder, 'qemu'),
      device: '/dev/null',
    };
    await probe(count);
    expect(await probeAcceleration({ ...options, signal: AbortSignal.timeout(1_000) })).toBe('kvm');
    await writeFile(join(folder, 'asked'), '');
    await probeAcceleration(options);
    await writeFile(join(folder, 'kernel'), 'another kernel');
    await probeAcceleration(options);
    expect(await readFile(join(folder, 'asked'), 'utf8')).toBe('x\n');
  });
});
