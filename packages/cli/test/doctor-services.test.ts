import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Check, findAll } from '../src/doctor/check.ts';
import { nats } from '../src/doctor/checks/nats.ts';
import { serviceHealth } from '../src/doctor/checks/service-health.ts';
import { sockets } from '../src/doctor/checks/sockets.ts';
import { units } from '../src/doctor/checks/units.ts';
import { type FakeHostOptions, fakeHost, findings } from './fake-host.ts';

const state = '/var/lib/edera/protect';
const unitText = (name: string, load: string, active: string) =>
  `Id=protect-${name}.service\nLoadState=${load}\nActiveState=${active}`;
const showUnits =
  'systemctl show --property=Id,LoadState,ActiveState protect-daemon.service protect-storage.service ' +
  'protect-network.service protect-orchestrator.service protect-cri.service';

test.each<[string, Check, FakeHostOptions, string]>([
  ['NATS that was never set up', nats, {}, `warning NATS: no address in ${state}/nats`],
  [
    'NATS that nobody set up again',
    nats,
    { files: { [`${state}/daemon.toml`]: '' } },
    `failed NATS: no address in ${state}/nats`,
  ],
  [
    'NATS that is down',
    nats,
    { files: { [`${state}/nats/server.json`]: '{"url":"nats://127.0.0.1:1","port":1}' } },
    'failed NATS: nothing answers at nats://127.0.0.1:1',
  ],
  ['no systemd', units, {}, 'ok units: systemd does not run here; the services are somebody else’s to start'],
  [
    'no units',
    units,
    {
      files: { '/run/systemd/system/': '' },
      runs: { [showUnits]: { stdout: unitText('daemon', 'not-found', 'inactive') } },
    },
    'warning units: none of Protect’s is installed',
  ],
  [
    'units',
    units,
    {
      files: { '/run/systemd/system/': '' },
      runs: {
        [showUnits]: {
          stdout: [unitText('daemon', 'loaded', 'active'), unitText('cri', 'loaded', 'failed')].join('\n\n'),
        },
      },
    },
    'failed units: protect-cri.service is failed',
  ],
])('%s', async (_title, check, options, expected) => {
  expect(await findings(check, options)).toEqual([expected]);
});

test('services that were never started are missing, and that is no failure yet', async () => {
  expect(await findings(serviceHealth, { files: { '/proc/': '' } })).toEqual(
    ['daemon', 'storage', 'network', 'orchestrator', 'cri'].map(
      (service) => `warning protect-${service}: not started yet`,
    ),
  );
});

test('services are found by their command lines where their health cannot be asked', async () => {
  const commandLine = (...words: readonly string[]) => words.map((word) => `${word}\0`).join('');
  const files = {
    [`${state}/daemon.toml`]: '',
    '/proc/41/cmdline': commandLine('node', '/opt/p/services/daemon/src/main.ts', '--state', state),
    '/proc/42/cmdline': commandLine('/usr/sbin/protect-network'),
    '/proc/43/cmdline': commandLine('/usr/sbin/protect-storage', '--state', '/elsewhere'),
    '/proc/44/cmdline': commandLine('vi', 'protect-storage'),
    '/proc/self/cmdline': '',
  };
  expect(await findings(serviceHealth, { files, isRoot: false, daemonVersion: '1.2.3' })).toEqual([
    'ok protect-daemon: 1.2.3 answers calls',
    'failed protect-storage: does not run',
    'warning protect-network: runs (process 42); its health cannot be seen',
    'warning protect-orchestrator: does not run',
    'warning protect-cri: does not run',
  ]);
});

test('a socket that anybody may use, one that nobody listens on, and open credentials are told', async () => {
  await using host = await fakeHost({
    files: { [`${state}/nats/`]: '', '/etc/group': `root:x:0:\nprotect:x:${process.getgid?.()}:\n` },
  });
  const listening = createServer();
  const path = join(host.root, state, 'daemon.socket');
  await new Promise<void>((resolve) => listening.listen(path, resolve));
  const look = async () =>
    (await findAll([sockets], host)).map(({ status, name, detail }) => `${status} ${name}: ${detail}`);
  try {
    await chmod(path, 0o660);
    expect((await look())[0]).toMatch(/^ok daemon.socket: mode 0660, group (root|protect)$/);
    await chmod(path, 0o666);
    expect((await look())[0]).toMatch(/^failed daemon.socket: mode 0666, .*: open to everybody$/);
    expect((await look())[1]).toBe(`warning cri.socket: there is none in ${state}`);
    await chmod(join(host.root, state, 'nats'), 0o755);
    expect((await look())[2]).toBe(`failed credentials: ${state}/nats is open to others`);
    await chmod(join(host.root, state, 'nats'), 0o700);
    expect((await look())[2]).toBe(`ok credentials: ${state}/nats is root’s alone`);
  } finally {
    await new Promise((resolve) => listening.close(resolve));
  }
});
