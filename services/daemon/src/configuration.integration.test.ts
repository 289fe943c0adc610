import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { connectBus } from '@protect/bus/connection';
import { prepareNatsServer } from '@protect/bus/server-config';
import { startNatsServer } from '@protect/bus/server-process';
import { type StatePaths, statePaths } from '@protect/config/paths';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfiguration } from './configuration.ts';

const launcher = new URL('../bin/protect-daemon', import.meta.url).pathname;

let paths: StatePaths;

beforeEach(async () => {
  paths = statePaths(await mkdtemp(join(tmpdir(), 'protect-configuration-')));
});

afterEach(async () => {
  await rm(paths.root, { recursive: true, force: true });
});

test('a bad daemon.toml ends the daemon with 78 before NATS is there, and every mistake is on standard error', async () => {
  await writeFile(
    paths.daemonToml,
    [
      '[zone]',
      'memory-limit-mb = "much"',
      '[network.ipv4]',
      'subnet = "10.75.0.0/31"',
      '[pci.devices.gpu0]',
      'locations = ["1:0.0"]',
      '[block.devices.scratch0]',
      'path = "/dev/none-such"',
      '[runtim]',
    ].join('\n'),
  );
  const run = promisify(execFile)(launcher, ['--state', paths.root], { timeout: 30_000 });
  const failure = await run.catch((error: { code: number; stderr: string }) => error);
  expect(failure).toMatchObject({ code: 78 });
  expect(failure.stderr.replaceAll(paths.root, '')).toBe(
    [
      'protect-daemon: the configuration cannot work:',
      '/daemon.toml:2: zone.memory-limit-mb = "much": must be a whole number from 64 to 16777216 (MiB)',
      '/daemon.toml:4: network.ipv4.subnet = "10.75.0.0/31": is too small for zones; its prefix length may be up to 29',
      '/daemon.toml:6: pci.devices.gpu0.locations[0] = "1:0.0": must be domain:bus:device.function in hexadecimal digits, such as "0000:01:00.0"',
      '/daemon.toml:8: block.devices.scratch0.path = "/dev/none-such": does not exist on this host; attach the device or take the entry out',
      '/daemon.toml:9: runtim = a table: unknown key; did you mean runtime?',
      '',
    ].join('\n'),
  );
});

test('a TLS file that cannot work ends the daemon with 78 too, naming it and why', async () => {
  const pem = join(paths.root, 'none.pem');
  await writeFile(pem, 'no certificate');
  await writeFile(
    paths.daemonToml,
    [
      '[runtime.listen.tcp]',
      'address = "127.0.0.1:4353"',
      ...['cert', 'key', 'client-ca'].map((key) => `${key} = "${pem}"`),
    ].join('\n'),
  );
  const run = promisify(execFile)(launcher, ['--state', paths.root], { timeout: 30_000 });
  const failure = await run.catch((error: { code: number; stderr: string }) => error);
  expect(failure).toMatchObject({ code: 78 });
  expect(failure.stderr).toContain(`${pem} (runtime.listen.tcp.cert): holds no certificate in PEM form`);
  expect(failure.stderr).toContain(`${pem} (runtime.listen.tcp.key): is no private key`);
});

test('the first start writes daemon.toml, then waits for NATS', async () => {
  const child = spawn(launcher, ['--state', paths.root], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes('"msg":"waiting for nats-server"')) break;
    }
    expect(await readFile(paths.daemonToml, 'utf8')).toContain('\nmemory-limit-mb = 1024\n');
  } finally {
    child.kill('SIGTERM');
  }
  expect((await ended)[0]).toBe(0);
});

test('runtime.nats.url is where all services of the state folder find the bus', async () => {
  const elsewhere = statePaths(await mkdtemp(join(tmpdir(), 'protect-nats-')));
  const { url } = await prepareNatsServer(elsewhere);
  await using server = {
    process: await startNatsServer(elsewhere),
    async [Symbol.asyncDispose]() {
      await this.process.stop();
      await rm(elsewhere.root, { recursive: true, force: true });
    },
  };
  expect(server.process).toBeDefined();
  for (const name of ['daemon', 'storage'] as const) {
    await mkdir(dirname(paths.natsCredentials(name)), { recursive: true });
    await writeFile(paths.natsCredentials(name), await readFile(elsewhere.natsCredentials(name)));
  }
  await writeFile(paths.daemonToml, `[runtime.nats]\nurl = "${url}"\n`);
  expect((await readConfiguration({ paths, netns: undefined })).runtime.natsUrl).toBe(url);
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const bus = await connectBus(paths, 'storage', { signal: AbortSignal.timeout(10_000), logger });
  expect(bus.connected).toBe(true);
  await bus.close();
});
