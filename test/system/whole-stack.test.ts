import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { netnsName } from '../../scripts/stack/netns.ts';
import { projectRoot } from '../../scripts/stack/stack.ts';
import { leftBehindBy, snapshotHost } from './host-snapshot.ts';

const npm = ['--silent', '--prefix', projectRoot, 'run'];

test('npm start runs a workload that is visibly not on the host, and leaves nothing', async () => {
  const state = await mkdtemp(join(tmpdir(), 'protect-test-'));
  const before = await snapshotHost(state, netnsName(state));
  try {
    const { stdout } = await execa('npm', [...npm, 'start', '--', '--state', state], { timeout: 100_000 });
    expect(stdout).toMatch(/kernel\s+Linux \S+ 6\./);
    expect(stdout).toMatch(/PID 1\s+sh -c /);
    expect(stdout).toMatch(/inet 10\.75\.\d+\.\d+/);
    expect(stdout).toMatch(/inet6 fdd4:1476:6c7e/);
    expect(stdout).toMatch(/in all\s+\d+\.\d s/);
    expect(await leftBehindBy({ state, netns: netnsName(state) }, before)).toEqual({});
  } finally {
    await rm(state, { recursive: true, force: true });
  }
});

test('a run of npm start that was killed is cleared by npm stop', async () => {
  const state = await mkdtemp(join(tmpdir(), 'protect-test-'));
  const before = await snapshotHost(state, netnsName(state));
  try {
    const started = execa(process.execPath, [join(projectRoot, 'scripts/start.ts'), '--state', state], {
      timeout: 100_000,
      reject: false,
    });
    for await (const line of started) if (line.includes('is ready')) started.kill('SIGKILL');
    const killed = await snapshotHost(state, netnsName(state));
    expect(killed.processes.some((line) => line.includes('qemu'))).toBe(true);
    await execa('npm', [...npm, 'stop', '--', '--state', state], { timeout: 60_000 });
    const { files: _, ...left } = await leftBehindBy({ state, netns: netnsName(state) }, before);
    expect(left).toEqual({});
  } finally {
    await rm(state, { recursive: true, force: true });
  }
});

test('npm start that is interrupted takes everything down and says so by its exit code', async () => {
  const state = await mkdtemp(join(tmpdir(), 'protect-test-'));
  const before = await snapshotHost(state, netnsName(state));
  try {
    const started = execa(process.execPath, [join(projectRoot, 'scripts/start.ts'), '--state', state], {
      timeout: 100_000,
      reject: false,
    });
    for await (const line of started) if (line.includes('is ready')) started.kill('SIGINT');
    expect((await started).exitCode).toBe(130);
    const { files: _, ...left } = await leftBehindBy({ state, netns: netnsName(state) }, before);
    expect(left).toEqual({});
  } finally {
    await rm(state, { recursive: true, force: true });
  }
});
