import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  OciImageProgressLayerPhase,
  OciImageProgressPhase,
  WorkloadState,
  ZoneState,
} from '@protect/proto/control-common';
import { listenOnUnixSocket, type UnixListener } from '@protect/service/unix-listener';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  addWorkload,
  addZone,
  createFakeDaemon,
  type FakeDaemon,
  workloadId,
  zoneId,
} from './fake-daemon.ts';
import { openTerminal, type TmuxTerminal } from './tmux.ts';

const bin = fileURLToPath(new URL('../bin/protect', import.meta.url));

let folder = '';
let daemon: FakeDaemon;
let listener: UnixListener;
let terminal: TmuxTerminal;
let released: () => void;
let release: Promise<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-cli-'));
  await symlink(bin, join(folder, 'protect'));
  ({ promise: release, resolve: released } = Promise.withResolvers<void>());
  daemon = createFakeDaemon();
  addZone(daemon, { id: zoneId, name: 'web', state: ZoneState.READY });
  addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING, tty: true });
  const path = join(folder, 'daemon.socket');
  listener = await listenOnUnixSocket({ path, mode: 0o600, routes: daemon.routes });
  const env = { PROTECT_CONNECTION: `unix://${path}`, PS1: 'ready> ', PATH: `${folder}:${process.env.PATH}` };
  terminal = await openTerminal(folder, ['bash', '--norc', '--noprofile'], env, { columns: 120, rows: 20 });
  await terminal.shows('ready>');
});

afterEach(async () => {
  released();
  await terminal.close();
  await listener.close(0);
  await rm(folder, { recursive: true, force: true });
});

/** Types a command line, and another behind it that tells how it ended and whether the terminal echoes. */
async function runs(line: string): Promise<void> {
  await terminal.type(`clear; ${line}; echo "ended with $?; $(stty -a | grep -ow -- '-\\?echo')"`);
  await terminal.press('Enter');
}

describe('zone top', () => {
  test('is drawn anew for each size, and q gives the terminal back as it was', async () => {
    await runs('echo before; protect zone top');
    await terminal.shows(new RegExp(`web +${zoneId} +ready.*q quit`, 's'));
    expect(await terminal.tell('#{alternate_on} #{cursor_flag}')).toBe('1 0');
    await terminal.resize(60, 10);
    // Without room for the id.
    await terminal.shows(/web +ready.*q quit/s);
    addZone(daemon, { id: workloadId, name: 'another', state: ZoneState.FAILED });
    await terminal.shows(/another +failed/);
    await terminal.press('q');
    expect(await terminal.shows('ended with 0; echo')).toContain('before');
    expect(await terminal.tell('#{alternate_on} #{cursor_flag}')).toBe('0 1');
  });

  test('gives the terminal back on Ctrl-C and on SIGTERM', async () => {
    await runs('protect zone top');
    await terminal.shows(/q quit/);
    await terminal.press('C-c');
    await terminal.shows('ended with 130; echo');
    await runs(`(echo $BASHPID > ${folder}/pid; exec protect zone top)`);
    await terminal.shows(/q quit/);
    process.kill(Number(await readFile(join(folder, 'pid'), 'utf8')), 'SIGTERM');
    await terminal.shows('ended with 143; echo');
    expect(await terminal.tell('#{alternate_on} #{cursor_flag}')).toBe('0 1');
  });

  test('waits for a daemon that goes away', async () => {
    await runs('protect zone top');
    await terminal.shows(/q quit/);
    await listener.close(0);
    await terminal.shows('no news: ');
    const path = join(folder, 'daemon.socket');
    listener = await listenOnUnixSocket({ path, mode: 0o600, routes: daemon.routes });
    await expect.poll(() => terminal.screen(), { timeout: 20_000 }).not.toContain('no news: ');
    await terminal.press('q');
    await terminal.shows('ended with 0; echo');
  });
});

describe('a console', () => {
  beforeEach(() => {
    daemon.console = async function* (requests) {
      yield { stdout: Buffer.from('prompt> ') };
      for await (const { stdin } of requests) {
        if (stdin.length === 0) continue;
        daemon.input.push(Buffer.from(stdin).toString());
        yield { stdout: Buffer.from(`[${Buffer.from(stdin).toString('hex')}]`) };
      }
    };
  });

  test('gets every key, Ctrl-C too, until Ctrl-] gives the terminal back', async () => {
    await runs('protect workload attach hello');
    await terminal.shows('prompt>');
    await terminal.press('C-c', 'C-p', 'C-q');
    await expect.poll(() => daemon.input.join(''), { timeout: 20_000 }).toBe('\x03\x10\x11');
    await terminal.press('C-]');
    expect(await terminal.shows('ended with 0; echo')).toContain('detached; what was attached goes on');
  });

  test('gives the terminal back when the daemon goes away', async () => {
    await runs('protect workload attach hello');
    await terminal.shows('prompt>');
    await listener.close(0);
    await terminal.shows('ended with 1; echo');
  });
});

test('Ctrl-C ends what follows with 130, and a loop of the shell with it', async () => {
  daemon.console = async function* () {
    yield { stdout: Buffer.from('line\n') };
    await release;
  };
  // An interactive shell drops the rest of the line when a command of it ends by Ctrl-C.
  await runs('protect workload logs -f hello');
  await terminal.shows('line');
  await terminal.press('C-c');
  await terminal.shows(/\^C\s+ready>/);
  await terminal.type('echo "status $?"');
  await terminal.press('Enter');
  await terminal.shows('status 130');
  await runs('for run in 1 2 3; do echo "run $run"; protect workload logs -f hello; done');
  await terminal.shows(/run 1\n\s*line/);
  await terminal.press('C-c');
  expect(await terminal.shows(/\^C\s+ready>/)).not.toContain('run 2');
});

test('a pull shows a bar for each layer, and leaves the digest alone behind', async () => {
  const bar = { message: '', current: 3_000_000n, total: 12_000_000n, isBytes: true };
  daemon.pullProgress = async function* () {
    const layers = [
      { id: `sha256:${'a'.repeat(64)}`, phase: OciImageProgressLayerPhase.DOWNLOADED },
      {
        id: `sha256:${'b'.repeat(64)}`,
        phase: OciImageProgressLayerPhase.DOWNLOADING,
        indication: { indication: { case: 'bar' as const, value: bar } },
      },
    ];
    yield { phase: OciImageProgressPhase.LAYER_DOWNLOAD, layers };
    await release;
  };
  await runs('protect image pull alpine');
  const drawn = await terminal.shows('alpine: layer download');
  expect(drawn).toMatch(/aaaaaaaaaaaa: downloaded\nbbbbbbbbbbbb: downloading +\[=+> +\] 2.9 MiB\/11.4 MiB/);
  released();
  const left = await terminal.shows('ended with 0; echo');
  expect(left).toMatch(/^sha256:(ab){32}\nended/);
});

test('bash completes commands, options, their values, and the names of zones', async () => {
  await terminal.type('clear; source <(protect completion bash)');
  await terminal.press('Enter');
  await terminal.type('protect zone res');
  await terminal.press('Tab');
  await terminal.shows('ready> protect zone resolve');
  await terminal.press('Tab');
  await terminal.shows('ready> protect zone resolve web');
  await terminal.press('Enter');
  await terminal.shows(zoneId);
  await terminal.type('protect zone list --outp');
  await terminal.press('Tab');
  await terminal.shows('ready> protect zone list --output');
  await terminal.press('BSpace');
  await terminal.type('=json-p');
  await terminal.press('Tab');
  await terminal.shows('ready> protect zone list --output=json-pretty');
});
