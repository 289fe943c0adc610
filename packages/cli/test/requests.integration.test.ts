import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlService } from '@protect/proto/control';
import { listenOnUnixSocket, type UnixListener } from '@protect/service/unix-listener';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { catalogue, type Entries } from '../src/catalogue.ts';
import { connectControl } from '../src/connection.ts';
import { commandPath } from '../src/program.ts';
import { type Call, recordingRoutes } from './recording-daemon.ts';
import { requests } from './requests.ts';
import { type RunOptions, runCommandLine } from './run-protect.ts';

const calls: Call[] = [];
let folder = '';
let listener: UnixListener;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-cli-'));
  const path = join(folder, 'daemon.socket');
  listener = await listenOnUnixSocket({ path, mode: 0o600, routes: recordingRoutes(calls) });
  await writeFile(join(folder, 'web.tar'), 'archive');
  await writeFile(
    join(folder, 'daemon.toml'),
    '[zone.kernel-variants]\nnvidia = "example.com/kernel:nvidia"\n',
  );
});

afterAll(async () => {
  await listener.close(0);
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => {
  calls.length = 0;
});

/** Methods that other programs than the command are for. */
const forOthers = {
  ConfigureZoneNetwork: 'the CRI gives zones of Kubernetes their network',
  ResolveWorkloadIds: 'a name means the newest workload that has it',
  MonitorZoneKernelEvents: 'security tools follow system calls',
};

/** Commands that need no daemon, or read files of this host beside it. */
const withoutCalls = [
  'image list-kernel-variants',
  'host config check',
  'doctor',
  'completion',
  '__complete',
];

describe('over a real socket', () => {
  test.each(requests)('protect %s calls %s', async (line, method, sent) => {
    const args = line.split(' ').map((word) => word.replace('FOLDER', folder));
    const result = await runOverSocket(args);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(calls.filter((call) => call.method === method).map((call) => call.requests)).toContainEqual(sent);
  });

  test('the password of a pull comes from standard input, and only the name from the command line', async () => {
    const args = ['image', 'pull', '--username', 'me', 'registry.example.com/app'];
    await runOverSocket(args, { input: 'secret\n' });
    expect(calls[0]?.requests).toMatchObject([
      { auth: { usernamePassword: { username: 'me', password: 'secret' } } },
    ]);
  });

  test('kernel variants come from daemon.toml beside the socket', async () => {
    const { stdout } = await runOverSocket(['image', 'list-kernel-variants', '-o', 'simple']);
    expect(stdout).toBe('nvidia\texample.com/kernel:nvidia\n');
    const unknown = await runOverSocket(['zone', 'launch', '--kernel-variant', 'amd']);
    expect(unknown).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unknown.stderr).toContain('--kernel-variant amd: daemon.toml has no such kernel; it names nvidia');
    expect(calls).toEqual([]);
  });
});

test('every command is in the table, and every method of the API has a command or another user', () => {
  const commands = new Set(requests.map(([line]) => commandPath(line.split(' ')).join(' ')));
  expect([...commands, ...withoutCalls].sort()).toEqual([...names(catalogue)].sort());
  const methods = new Set(requests.map(([, method]) => method));
  expect([...methods, ...Object.keys(forOthers)].sort()).toEqual(
    ControlService.methods.map(({ name }) => name).sort(),
  );
});

function* names(entries: Entries, above = ''): Generator<string> {
  for (const [name, entry] of Object.entries(entries)) {
    if ('entries' in entry) yield* names(entry.entries, `${above}${name} `);
    else yield `${above}${name}`;
  }
}

function runOverSocket(args: readonly string[], options: RunOptions = {}) {
  const path = join(folder, 'daemon.socket');
  const open = (interrupted: AbortSignal) => connectControl(path, interrupted);
  return runCommandLine(args, { path, open }, options);
}
