import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const launcher = new URL('../bin/protect', import.meta.url).pathname;

let state = '';

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'protect-doctor-'));
  await chmod(state, 0o711);
});

afterEach(async () => {
  await rm(state, { recursive: true, force: true });
});

interface Finding {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  readonly remedy?: string;
}

/** `protect doctor` on this machine, for a state folder of the test. */
function doctor(before: readonly string[] = []): Promise<{ exitCode: number; findings: Finding[] }> {
  const [file = '', ...args] = [...before, launcher, 'doctor', '--state', state, '-o', 'json'];
  return new Promise((resolve, reject) => {
    execFile(file, args, { timeout: 30_000 }, (error, stdout) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ exitCode: Number(error?.code ?? 0), findings: JSON.parse(stdout) });
    });
  });
}

const known = [
  ...['memory', 'disk space', 'state folder', 'hypervisor', 'acceleration', 'network namespaces'],
  ...['tun', 'loop', 'nftables', 'IPv6', 'control groups', 'tools', 'daemon.toml', 'address ranges'],
  ...['zone kernel', 'NATS', 'units', 'protect-daemon', 'protect-storage', 'protect-network'],
  ...['protect-orchestrator', 'protect-cri', 'daemon.socket', 'cri.socket'],
];

test('a host on which nothing has run yet is looked at, and what tests of Protect need is there', async () => {
  const { exitCode, findings } = await doctor();
  expect(findings.map(({ name }) => name)).toEqual(known);
  const statusOf = Object.fromEntries(findings.map(({ name, status }) => [name, status]));
  for (const name of ['hypervisor', 'tun', 'nftables', 'tools', 'daemon.toml']) {
    expect({ name, status: statusOf[name] }).toEqual({ name, status: 'ok' });
  }
  expect(exitCode).toBe(findings.some(({ status }) => status === 'failed') ? 1 : 0);
  expect(findings.filter(({ detail }) => detail.startsWith('could not be checked'))).toEqual([]);
});

test('what zones need and a used state folder lacks ends it with 1', async () => {
  await writeFile(join(state, 'daemon.toml'), '[zone]\nmemory-limit-mb = 1\n');
  const { exitCode, findings } = await doctor();
  expect(exitCode).toBe(1);
  const failed = findings.filter(({ status }) => status === 'failed').map(({ name }) => name);
  expect(failed).toEqual(expect.arrayContaining(['daemon.toml', 'NATS', 'protect-daemon', 'daemon.socket']));
});

test('somebody who is not root is told what could not be seen', async () => {
  await writeFile(join(state, 'daemon.toml'), '');
  await chmod(join(state, 'daemon.toml'), 0o640);
  const { findings } = await doctor(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']);
  expect(findings.find(({ name }) => name === 'daemon.toml')).toEqual({
    name: 'daemon.toml',
    status: 'warning',
    detail: `${join(state, 'daemon.toml')} cannot be seen by this user`,
    remedy: 'run protect doctor as root to have it checked',
  });
});
