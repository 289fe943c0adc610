import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { EventSchema, Form, type Inventory, type MetricsResponse, WorkloadPhase } from '@protect/proto/idm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IdmConnection } from '../../../services/daemon/src/idm/connection.ts';
import { FrameDecoder } from '../../../services/daemon/src/idm/frame.ts';
import { run } from '../../run.ts';
import { addonsSerial, type BootedZone, bootZone, lateSerial, otherMac, zoneMac } from './booted-zone.ts';
import { collect, createWorkload, destroy, execIn, exitOf, runToEnd, start } from './workload.ts';

const folder = new URL('..', import.meta.url).pathname;

describe('init on the host', () => {
  test('its unit tests pass under the address and undefined-behaviour sanitizers', {
    timeout: 180_000,
  }, async () => {
    expect(await run('make', ['-s', '-C', folder, 'test'])).toMatch(/\d+ passed, 0 failed/);
  });

  test('a short run of the fuzzer finds nothing in the decoder', { timeout: 180_000 }, async () => {
    await run('make', ['-s', '-C', folder, 'fuzz', 'FUZZ_SECONDS=5']);
  });
});

describe('a zone with the real kernel and ramdisk', { timeout: 120_000 }, () => {
  let zone: BootedZone;
  let connection: IdmConnection;

  beforeAll(async () => {
    await run(process.execPath, [new URL('../../build.ts', import.meta.url).pathname], {
      timeoutMs: 300_000,
    });
    zone = await bootZone();
  }, 300_000);

  afterAll(async () => {
    connection?.close();
    await zone?.[Symbol.asyncDispose]();
  });

  async function metrics(): Promise<MetricsResponse> {
    const { response } = await connection.request({ case: 'metrics', value: { processes: true } });
    if (response.case !== 'metrics') throw new Error('no metrics');
    return response.value;
  }

  /** All that came after the first connection. */
  const inventories: Inventory[] = [];

  /** Opens the channel anew and gives the inventory that comes with it. */
  async function reconnect(): Promise<Inventory> {
    connection.close();
    const inventory = Promise.withResolvers<Inventory>();
    connection = await zone.connect({
      tap: {
        active: true,
        packet: (direction, packet) => {
          if (direction !== 'from-zone' || packet.form !== Form.EVENT) return;
          const { event } = fromBinary(EventSchema, packet.data);
          if (event.case !== 'inventory') return;
          inventories.push(event.value);
          inventory.resolve(event.value);
        },
      },
    });
    return await inventory.promise;
  }

  async function failure(promise: Promise<unknown>): Promise<{ code: Code; message: string }> {
    return await promise.then(
      () => expect.unreachable('it should have failed'),
      (error: { code: Code; message: string }) => error,
    );
  }

  test('the zone introduces itself without being asked', async () => {
    const stream = await zone.openStream();
    const decoder = new FrameDecoder();
    for await (const chunk of stream) {
      decoder.push(chunk);
      const packet = decoder.next();
      if (typeof packet === 'string') continue;
      expect(packet.form).toBe(Form.EVENT);
      const { event } = fromBinary(EventSchema, packet.data);
      if (event.case !== 'hello') expect.unreachable(`${event.case} before hello`);
      expect(event.value.bootId).toHaveLength(16);
      expect(event.value.kernelRelease).toMatch(/^6\./);
      expect(event.value.receiveMaxBytes).toBe(262_144);
      break;
    }
    stream.destroy();
    connection = await zone.connect();
  });

  test('a workload needs a configured zone', async () => {
    const error = await failure(createWorkload(connection, 'true'));
    expect(error.code).toBe(Code.FailedPrecondition);
  });

  test('configuring is idempotent: names, links in both families, modules, sysctls, clock and scratch', async () => {
    const configuration = {
      hostname: 'zone-name',
      links: [
        { mac: zoneMac, name: 'eth0', addresses: ['10.9.8.7/32', 'fd00:9::7/128'], mtu: 1400 },
        { mac: otherMac, name: 'eth1', addresses: ['10.9.8.8/32'] },
      ],
      neighbors: [{ address: '10.9.8.1', mac: '02:00:00:00:00:99', link: 'eth0' }],
      routes: [
        { destination: '0.0.0.0/0', gateway: '10.9.8.1', link: 'eth0', onLink: true, source: '10.9.8.7' },
        { destination: '::/0', gateway: 'fd00:9::1', link: 'eth0', onLink: true },
      ],
      resolver: { nameservers: ['10.9.8.1', 'fd00:9::1'], searches: ['zone.test'], options: ['ndots:1'] },
      clockUnixNs: 1_893_456_000_000_000_000n,
      randomSeed: randomBytes(64),
      addonsDiskSerial: addonsSerial,
      modules: [{ name: 'dummy', parameters: ['numdummies=2'] }, { name: 'erofs' }],
      sysctls: [{ key: 'net.ipv4.ip_forward', value: '1' }],
      scratch: { backend: { case: 'tmpfsBytes' as const, value: 64n << 20n } },
    };
    for (let time = 0; time < 2; time++)
      await connection.request({ case: 'configure', value: configuration });
    const script = `cat /etc/resolv.conf /etc/hosts /proc/sys/net/ipv4/ip_forward; ip addr; ip route; ip -6 route; ip neigh; env date`;
    const { stdout } = await runToEnd(connection, `${script}; stat -c %Y /proc/self`);
    const text = stdout.toString();
    for (const expected of [
      'nameserver 10.9.8.1\nnameserver fd00:9::1\nsearch zone.test\noptions ndots:1\n',
      '127.0.0.1 localhost\n1\n',
      'mtu 1400',
      'inet 10.9.8.8/32 scope global eth1',
      'inet 10.9.8.7/32',
      'inet6 fd00:9::7/128',
      'inet 127.0.0.1/8',
      'inet6 ::1/128',
      'dummy1',
      'default via 10.9.8.1 dev eth0',
      'default via fd00:9::1 dev eth0',
      '10.9.8.1 dev eth0 lladdr 02:00:00:00:00:99',
    ]) {
      expect(text).toContain(expected);
    }
    expect(Number(text.trim().split('\n').at(-1))).toBeGreaterThanOrEqual(1_893_456_000);
  });

  test('what cannot be configured is named', async () => {
    const sysctl = await failure(
      connection.request({ case: 'configure', value: { sysctls: [{ key: 'no.such.key', value: '1' }] } }),
    );
    expect(sysctl.message).toContain('no.such.key');
    const traversal = await failure(
      connection.request({ case: 'configure', value: { sysctls: [{ key: '../../etc/x', value: '1' }] } }),
    );
    expect(traversal.code).toBe(Code.InvalidArgument);
    const module = await failure(
      connection.request({ case: 'configure', value: { modules: [{ name: 'no_such_module' }] } }),
    );
    expect(module.message).toContain('no_such_module');
    const parameter = await failure(
      connection.request({
        case: 'configure',
        value: { modules: [{ name: 'ifb', parameters: ['numifbs=1', 'no_such_parameter=1'] }] },
      }),
    );
    expect(parameter).toMatchObject({ code: Code.FailedPrecondition });
    expect(parameter.message).toMatch(/module ifb: it has no parameter no_such_parameter$/);
    const late = await failure(
      connection.request({
        case: 'configure',
        value: { modules: [{ name: 'dummy', parameters: ['numdummies=3'] }] },
      }),
    );
    expect(late.message).toMatch(/module dummy: it is in the kernel already and numdummies cannot be set/);
    const value = await failure(
      connection.request({
        case: 'configure',
        value: { sysctls: [{ key: 'net.ipv4.ip_forward', value: 'maybe' }] },
      }),
    );
    expect(value.message).toMatch(/net\.ipv4\.ip_forward: the kernel does not take this value$/);
    const link = await failure(
      connection.request(
        { case: 'configure', value: { links: [{ mac: '02:00:00:00:00:77', name: 'x0' }] } },
        { deadlineMs: 1000 },
      ),
    );
    expect(link).toMatchObject({ code: Code.DeadlineExceeded });
    expect(link.message).toContain('02:00:00:00:00:77');
    const seed = await failure(
      connection.request({ case: 'setClock', value: { randomSeed: randomBytes(8) } }),
    );
    expect(seed.code).toBe(Code.InvalidArgument);
  });

  test('a workload is PID 1 of its own, in a root of its own, with its streams apart', async () => {
    const { stdout, stderr, exit } = await runToEnd(
      connection,
      'echo $$; hostname; cat /etc/hostname; ls /proc | grep -c "^[0-9]" >&2; readlink /proc/1/exe; exit 7',
    ).catch((error) => expect.unreachable(String(error)));
    expect(stdout.toString().split('\n').slice(0, 3)).toEqual(['1', 'workload-name', 'workload-name']);
    expect(Number(stderr.toString().split('\n')[0])).toBeLessThan(5);
    expect(exit).toMatchObject({ code: 7, signal: 0, oomKilled: false });
  });

  test('crun has used pivot_root: nothing of the zone is below the root of a workload', async () => {
    const ofTheZone = ['init', 'modules', 'scratch', 'addons'];
    const raiseCapabilities = ['CAP_SYS_ADMIN'];
    const script = 'grep " / / " /proc/self/mountinfo; /bin/leave-root';
    const { stdout, exit } = await runToEnd(connection, script, { raiseCapabilities });
    const lines = stdout.toString().split('\n');
    expect(exit.code).toBe(0);
    expect(lines[0]).toMatch(/ \/ \/ \S+ - overlay overlay /);
    expect(lines).toContain('below:');
    for (const name of ofTheZone) expect(lines).not.toContain(name);

    // The same container without pivot_root: the program would find the zone, were it there.
    const control = await createWorkload(connection, script, { raiseCapabilities });
    const bundle = `/run/protect/workloads/${control.id}`;
    const command = ['crun', '--root=/tmp', 'run', '--no-pivot', '--bundle', bundle, 'control'];
    const found = await collect(
      connection.exec({ process: { command, environment: ['PATH=/usr/bin'], workingDirectory: '/' } }),
    );
    expect(found.stdout.toString().split('\n')).toEqual(expect.arrayContaining(ofTheZone));
    await destroy(connection, control);
  });

  test('standard input reaches a workload and its end too', async () => {
    const workload = await createWorkload(connection, 'cat; echo end', { stdin: true });
    const io = connection.workloadIo({ workloadId: workload.id, run: await start(connection, workload) });
    const bytes = randomBytes(300_000).toString('hex');
    const sent = io.send({ case: 'stdin', value: { data: Buffer.from(bytes), closed: true } });
    const { stdout } = await collect(io, { acknowledge: true });
    await sent;
    expect(stdout.toString() === `${bytes}end\n`).toBe(true);
    await destroy(connection, workload);
  });

  test('a workload with a terminal has its size, and follows a change', async () => {
    const script = 'stty size; read line; stty size; test -t 2 && echo "got $line"';
    const workload = await createWorkload(connection, script, {
      terminal: true,
      stdin: true,
      size: { rows: 31, columns: 97 },
    });
    const run = await start(connection, workload);
    const first = connection.workloadIo({ workloadId: workload.id, run });
    const { stdout: before } = await collect(first, { until: (seen) => seen.includes('\n') });
    expect(before.toString()).toBe('31 97\r\n');
    const stdoutOffset = BigInt(before.length);
    const io = connection.workloadIo({ workloadId: workload.id, run, stdoutOffset });
    await io.send({ case: 'terminalResize', value: { rows: 40, columns: 120 } });
    await io.send({ case: 'stdin', value: { data: Buffer.from('word\n') } });
    const { stdout } = await collect(io, { acknowledge: true });
    expect(stdout.toString()).toBe('word\r\n40 120\r\ngot word\r\n');
    await destroy(connection, workload);
  });

  test('commands run in a workload with their own streams, exit code and terminal', async () => {
    const workload = await createWorkload(connection, 'sleep 1000');
    await start(connection, workload);
    const piped = execIn(connection, workload, 'cat; echo err >&2; exit 5');
    await piped.send({ case: 'stdin', value: { data: Buffer.from('input'), closed: true } });
    const result = await collect(piped);
    expect([String(result.stdout), String(result.stderr)]).toEqual(['input', 'err\n']);
    expect(result.exit).toMatchObject({ code: 5, signal: 0 });
    // crun starts the command before it hands the terminal over; programs hear of the size by SIGWINCH then.
    const terminal = execIn(connection, workload, 'tty; until stty size 2>/dev/null; do :; done', {
      terminal: true,
      size: { rows: 11, columns: 22 },
    });
    expect(String((await collect(terminal)).stdout)).toBe('/dev/pts/0\r\n11 22\r\n');
    const killed = await collect(execIn(connection, workload, 'kill -9 $$'));
    expect(killed.exit).toMatchObject({ code: 137, signal: 9 });
    const missing = await failure(collect(execIn(connection, workload, ['/no/such/program'])));
    expect(missing.code).toBe(Code.NotFound);
    await destroy(connection, workload);
  });

  test('closing a stream kills its command with all that it started', async () => {
    const workload = await createWorkload(connection, 'sleep 1000');
    await start(connection, workload);
    const stream = execIn(connection, workload, 'sleep 501 & sleep 502 & echo started; wait');
    await collect(stream, { until: (seen) => seen.includes('started') });
    stream.close();
    for (let count = 3; count > 1; await delay(20)) {
      count = (await metrics()).processes.filter(
        ({ command }) => String(Buffer.from(command)) === 'sleep',
      ).length;
    }
    await destroy(connection, workload);
  });

  test('commands run in the zone itself', async () => {
    const open = (command: string[]) =>
      connection.exec({ process: { command, environment: ['PATH=/usr/bin'], workingDirectory: '/' } });
    const { stdout, exit } = await collect(open(['crun', '--version']));
    expect(String(stdout)).toMatch(/^crun version/);
    expect(exit?.code).toBe(0);
    expect((await failure(collect(open(['no-such-program'])))).code).toBe(Code.NotFound);
    expect((await failure(collect(open([])))).code).toBe(Code.InvalidArgument);
  });

  test('more than 64 commands at once are refused, and the places come free again', async () => {
    const workload = await createWorkload(connection, 'sleep 1000');
    await start(connection, workload);
    const sleep = (seconds: string) => {
      const command = [`/run/protect/workloads/${workload.id}/image/bin/busybox`, 'sleep', seconds];
      return connection.exec({ process: { command, workingDirectory: '/' } });
    };
    const streams = Array.from({ length: 64 }, () => sleep('1000'));
    expect((await failure(collect(sleep('0')))).code).toBe(Code.ResourceExhausted);
    for (const stream of streams) stream.close();
    await expect
      .poll(async () => (await collect(sleep('0')).catch(() => undefined))?.exit?.code, { timeout: 10_000 })
      .toBe(0);
    await destroy(connection, workload);
  });

  test('signals reach a workload; SIGKILL for all ends it with 137', async () => {
    const workload = await createWorkload(
      connection,
      'trap "echo caught; exit 3" TERM; touch /trapped; while :; do sleep 0.05; done',
    );
    const first = exitOf(connection, workload, 1);
    const signal = (number: number, all: boolean) =>
      connection.request({ case: 'signalWorkload', value: { workloadId: workload.id, signal: number, all } });
    await start(connection, workload);
    // A signal that PID 1 has no handler for yet is lost.
    await collect(execIn(connection, workload, 'until [ -e /trapped ]; do sleep 0.05; done'));
    await signal(15, false);
    expect(await first).toMatchObject({ code: 3, signal: 0 });
    expect((await failure(signal(15, false))).code).toBe(Code.FailedPrecondition);
    await connection.request({ case: 'acknowledgeExit', value: { workloadId: workload.id, run: 1 } });
    const second = exitOf(connection, workload, 2);
    expect(await start(connection, workload)).toBe(2);
    expect((await failure(start(connection, workload))).code).toBe(Code.FailedPrecondition);
    await signal(9, true);
    expect(await second).toMatchObject({ code: 137, signal: 9, oomKilled: false });
    await destroy(connection, workload);
  });

  test('a workload that the OOM killer ended says so', async () => {
    const { exit } = await runToEnd(connection, 'tail /dev/zero', {
      cgroupLimits: [{ name: 'memory.max', value: '16777216' }],
    });
    expect(exit.oomKilled).toBe(true);
    expect(exit.code).not.toBe(0);
  });

  test('what crun cannot start comes back with its reason, and can be destroyed', async () => {
    const workload = await createWorkload(connection, ['/no/such/program']);
    const error = await failure(start(connection, workload));
    expect(error.message).toContain('/no/such/program');
    await destroy(connection, workload);
    await destroy(connection, workload);
  });

  test('folders on scratch outlive a run; the root keeps what was written', async () => {
    const workload = await createWorkload(
      connection,
      'cat /data/a /b 2>/dev/null; echo one > /data/a; echo two > /b',
      {
        scratchMounts: ['/data'],
      },
    );
    const outputs = [];
    for (const number of [1, 2]) {
      const exited = exitOf(connection, workload, number);
      const io = connection.workloadIo({ workloadId: workload.id, run: await start(connection, workload) });
      outputs.push(String((await collect(io, { acknowledge: true })).stdout));
      await exited;
      await connection.request({ case: 'acknowledgeExit', value: { workloadId: workload.id, run: number } });
    }
    expect(outputs).toEqual(['', 'one\ntwo\n']);
    await destroy(connection, workload);
  });

  test('a disk may come while its workload is created; without one the deadline says so', async () => {
    const missing = await failure(
      createWorkload(connection, 'true', { diskSerial: lateSerial, deadlineMs: 1500 }),
    );
    expect(missing).toMatchObject({ code: Code.DeadlineExceeded });
    expect(missing.message).toContain(lateSerial);
    const creating = createWorkload(connection, 'true', { diskSerial: lateSerial });
    await zone.plugLateDisk();
    await destroy(connection, await creating);
  });

  test('64 MiB of output arrive whole, and a command answers meanwhile', async () => {
    const bytes = 64 << 20;
    const workload = await createWorkload(connection, `dd if=/dev/zero bs=64k count=${bytes >> 16}`);
    const run = await start(connection, workload);
    const flood = collect(connection.workloadIo({ workloadId: workload.id, run }), { acknowledge: true });
    const began = performance.now();
    await connection.request({ case: 'ping', value: { payload: Buffer.from('x') } });
    expect(performance.now() - began).toBeLessThan(1000);
    expect((await collect(execIn(connection, workload, 'echo quick'))).stdout).toBeDefined();
    expect((await flood).stdout.length).toBe(bytes);
    await destroy(connection, workload);
  });

  test('output goes on over a lost connection, complete and once only; the exit is kept', async () => {
    const lines = 20_000;
    const workload = await createWorkload(connection, `seq ${lines}; exit 9`);
    const run = await start(connection, workload);
    const parts: Buffer[] = [];
    const first = connection.workloadIo({ workloadId: workload.id, run });
    parts.push((await collect(first, { acknowledge: true, until: (seen) => seen.length > 20_000 })).stdout);
    await reconnect();
    let stored = parts[0]?.length ?? 0;
    const second = connection.workloadIo({ workloadId: workload.id, run, stdoutOffset: BigInt(stored) });
    parts.push((await collect(second, { acknowledge: true })).stdout);
    stored += parts[1]?.length ?? 0;
    const expected = `${Array.from({ length: lines }, (_, index) => index + 1).join('\n')}\n`;
    expect(Buffer.concat(parts).toString() === expected).toBe(true);
    const entry = async () =>
      (await reconnect()).workloads.find(({ workloadId }) => workloadId === workload.id);
    // The exit may come a moment after the end of the output.
    await expect.poll(async () => (await entry())?.phase, { timeout: 10_000 }).toBe(WorkloadPhase.EXITED);
    expect(await entry()).toMatchObject({
      run: 1,
      exitUnacknowledged: true,
      stdoutOffset: BigInt(stored),
      exit: { code: 9 },
    });
    await connection.request({ case: 'acknowledgeExit', value: { workloadId: workload.id, run } });
    expect((await entry())?.exitUnacknowledged).toBe(false);
    await destroy(connection, workload);
  });

  test('a start that outlives its connection is told on the next', async () => {
    const workload = await createWorkload(connection, 'sleep 1000');
    const asked = connection.request({ case: 'startWorkload', value: { workloadId: workload.id } });
    // Sent before the connection goes, and answered to nobody.
    asked.catch(() => undefined);
    await connection.request({ case: 'ping', value: { payload: new Uint8Array() } });
    await reconnect();
    const phase = () =>
      inventories.at(-1)?.workloads.find(({ workloadId }) => workloadId === workload.id)?.phase;
    await expect.poll(phase, { timeout: 20_000 }).toBe(WorkloadPhase.RUNNING);
    await destroy(connection, workload);
  });

  test('connections that follow at once upon another are all answered', async () => {
    for (let time = 0; time < 40; time++) {
      await reconnect();
      const payload = randomBytes(20_000);
      const { response } = await connection.request(
        { case: 'ping', value: { payload } },
        { deadlineMs: 5000 },
      );
      expect(response.case === 'ping' && Buffer.from(response.value.payload).equals(payload)).toBe(true);
    }
  });

  test('a connection that is cut within a frame does not disturb the next', async () => {
    connection.close();
    for (let time = 0; time < 3; time++) {
      const stream = await zone.openStream();
      stream.write(Buffer.concat([Buffer.from([0xff, 0xff, 0x00, 0x80, 0x00, 0x00]), randomBytes(1000)]));
      stream.destroy();
    }
    connection = await zone.connect();
    const { response } = await connection.request({ case: 'ping', value: { payload: randomBytes(60_000) } });
    expect(response.case).toBe('ping');
  });

  test('a fork bomb takes neither init nor the next workload with it', async () => {
    const bomb = await createWorkload(connection, 'bomb() { bomb | bomb & }; bomb; sleep 1000', {
      cgroupLimits: [{ name: 'pids.max', value: '200' }],
    });
    await start(connection, bomb);
    await delay(1000);
    const began = performance.now();
    await connection.request({ case: 'ping', value: {} });
    expect(performance.now() - began).toBeLessThan(3000);
    await destroy(connection, bomb);
    const { stdout } = await runToEnd(connection, 'echo alive');
    expect(stdout.toString()).toBe('alive\n');
  });

  test('nothing of destroyed workloads is left, and init stays within 2 MiB', async () => {
    const inventory = await reconnect();
    expect(inventory.configured).toBe(true);
    expect(inventory.workloads).toEqual([]);
    expect(inventory.diskSerials).toContain(addonsSerial);
    await expect
      .poll(async () => (await metrics()).processes.map(({ command }) => String(Buffer.from(command))), {
        timeout: 10_000,
      })
      .toEqual(['init']);
    await expect
      .poll(async () => Number((await metrics()).initResidentBytes), { timeout: 10_000 })
      .toBeLessThan(2 << 20);
  });

  test('shutdown ends the workloads in order and powers off', async () => {
    const polite = await createWorkload(
      connection,
      'trap "echo bye; exit 0" TERM; while :; do sleep 0.05; done',
    );
    const stubborn = await createWorkload(connection, 'trap "" TERM; while :; do sleep 1; done');
    const exited = exitOf(connection, polite);
    await start(connection, polite);
    await start(connection, stubborn);
    await collect(execIn(connection, polite, 'true'));
    const answer = connection.request({ case: 'shutdown', value: { graceMs: 1500 } }, { deadlineMs: 20_000 });
    expect(await exited).toMatchObject({ code: 0 });
    expect((await answer).response.case).toBe('done');
    await zone.ended;
    expect(await zone.console()).toMatch(/protect-init: power off/);
  });
});
