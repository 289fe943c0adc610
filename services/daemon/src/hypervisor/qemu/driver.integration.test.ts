import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chown, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Code } from '@connectrpc/connect';
import { newZoneId, type ZoneId } from '@protect/config/ids';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Domain, DomainSpec, Hypervisor } from '../hypervisor.ts';
import { isRunning } from '../process-identity.ts';
import { type BootFixture, createBootFixture } from './boot-fixture.ts';
import { createQemuHypervisor } from './driver.ts';
import { readRecord, writeRecord } from './record.ts';

const run = promisify(execFile);
const logger = pino({ level: 'silent' });
const idle = 'while :; do /bin/busybox sleep 1000; done';
const powerOff = 'echo last words; /bin/busybox poweroff -f';

let fixture: BootFixture;
let hypervisor: Hypervisor;
const started: Domain[] = [];

beforeAll(async () => {
  fixture = await createBootFixture();
  hypervisor = createQemuHypervisor({ paths: fixture.paths, logger, acceleration: 'tcg' });
});
afterEach(async () => {
  for (const domain of started.splice(0)) await domain.destroy(signal());
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

function signal(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

async function start(spec: DomainSpec): Promise<Domain> {
  const domain = await hypervisor.start(spec, signal());
  started.push(domain);
  return domain;
}

function statusOf(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return new Map(lines.map((line) => [line.split(':')[0] ?? '', (line.split(':')[1] ?? '').trim()]));
}

function controlGroups(zoneId: ZoneId): string[] {
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/cpu']
    .map((root) => join(root, 'protect-zones', zoneId))
    .filter((path) => existsSync(path));
}

function expectNothingLeft(zoneId: ZoneId, pid?: number): void {
  expect(readdirSync(fixture.paths.zoneControl(zoneId))).toEqual([]);
  expect(controlGroups(zoneId)).toEqual([]);
  // A process that only waits for the host's init to reap it is gone for us.
  if (pid !== undefined && existsSync(`/proc/${pid}`)) expect(statusOf(pid).get('State')).toContain('zombie');
}

async function readUntil(stream: AsyncIterable<Buffer>, text: string): Promise<string> {
  let seen = '';
  for await (const chunk of stream) {
    seen += chunk;
    if (seen.includes(text)) break;
  }
  return seen;
}

/** Settles when QEMU says that the zone has powered off; leaves it at that. */
async function shutdownSeen(zoneId: ZoneId): Promise<void> {
  const connection = connect(join(fixture.paths.zoneControl(zoneId), 'qmp.sock'));
  connection.write('{"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n');
  expect((await readUntil(connection, '"guest-shutdown"')).toLowerCase()).toContain('shutdown');
  connection.destroy();
}

/** Starts the zone by a daemon that is killed as soon as the zone runs. */
async function startByDeadDaemon(spec: DomainSpec): Promise<void> {
  const script = new URL('start-and-die.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, fixture.paths.root, JSON.stringify(spec)], {
    stdio: 'inherit',
  });
  const [, by] = await once(child, 'exit');
  expect(by).toBe('SIGKILL');
}

describe('start', () => {
  it("runs the machine in one process under the zone's own uid, without privileges, confined", async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    const status = statusOf(domain.domid);
    expect(status.get('Name')).toBe('qemu-system-x86');
    expect(status.get('PPid')).toBe(String(process.pid));
    expect(status.get('Uid')?.split('\t')).toEqual(Array(4).fill(String(spec.uid)));
    expect(status.get('Gid')?.split('\t')).toEqual(Array(4).fill(String(spec.uid)));
    expect(status.get('Groups')).toBe(String(spec.uid));
    expect(status.get('CapEff')).toBe('0000000000000000');
    expect(status.get('CapPrm')).toBe('0000000000000000');
    expect([status.get('NoNewPrivs'), status.get('Seccomp')]).toEqual(['1', '2']);
    expect(readFileSync(`/proc/${domain.domid}/limits`, 'utf8')).toMatch(/Max core file size +0 +0/);
    for (const group of controlGroups(spec.zoneId)) {
      expect((await readFile(join(group, 'cgroup.procs'), 'utf8')).trim()).toBe(String(domain.domid));
    }
    expect(await hypervisor.list(signal())).toEqual([spec.zoneId]);
    await domain.destroy(signal());
    await domain.destroy(signal());
    expect(await domain.ended).toMatchObject({ kind: 'lost' });
    expect(await hypervisor.list(signal())).toEqual([]);
    expectNothingLeft(spec.zoneId, domain.domid);
  });

  it('refuses a second machine for a zone that runs', async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    await expect(hypervisor.start(spec, signal())).rejects.toMatchObject({ code: Code.AlreadyExists });
    expect(existsSync(`/proc/${domain.domid}`)).toBe(true);
  });

  it("says in QEMU's own words why it failed, and leaves nothing", async () => {
    const spec = await fixture.spec(idle, { kernelPath: join(fixture.folder, 'no-kernel') });
    await expect(hypervisor.start(spec, signal())).rejects.toThrow(/no-kernel/);
    expectNothingLeft(spec.zoneId);
  });

  it('leaves nothing when a disk cannot be opened by the zone', async () => {
    const spec = await fixture.spec(idle);
    const disk = await fixture.disk(spec.zoneId, spec.uid, 'boot');
    await chown(disk.path, 0, 0);
    await writeFile(disk.path, '', { mode: 0o600 });
    const attempt = hypervisor.start({ ...spec, disks: [disk] }, signal());
    await expect(attempt).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      message: /Could not open|cannot open/,
    });
    expectNothingLeft(spec.zoneId);
  });

  it('leaves nothing when it is canceled', async () => {
    const spec = await fixture.spec(idle);
    const abort = new AbortController();
    const attempt = hypervisor.start(spec, abort.signal);
    setImmediate(() => abort.abort());
    await expect(attempt).rejects.toThrow();
    expectNothingLeft(spec.zoneId);
  });

  it('plugs links into the network namespace that holds them', async () => {
    const name = `protect-test-${process.pid}`;
    await run('ip', ['netns', 'add', name]);
    try {
      await run('ip', ['-n', name, 'tuntap', 'add', 'tap0', 'mode', 'tap']);
      const link = {
        kind: 'tap',
        hostInterface: 'tap0',
        netnsPath: `/run/netns/${name}`,
        mac: '02:00:00:00:00:01',
      } as const;
      const domain = await start(await fixture.spec(idle, { links: [link] }));
      const inside = await run('ip', ['netns', 'identify', String(domain.domid)]);
      expect(inside.stdout.trim()).toBe(name);
      await domain.destroy(signal());
    } finally {
      await run('ip', ['netns', 'delete', name]);
    }
  });
});

describe('a machine that ends', () => {
  it('says poweroff, after its console has said everything, and leaves nothing', async () => {
    const spec = await fixture.spec(powerOff);
    const domain = await start(spec);
    expect(await readUntil(await domain.openConsole(signal()), 'Power down')).toContain('last words');
    expect(await domain.ended).toEqual({ kind: 'poweroff' });
    expectNothingLeft(spec.zoneId, domain.domid);
  });

  it('says crash when its kernel panics', async () => {
    const spec = await fixture.spec('exit 3');
    const domain = await start(spec);
    expect(await domain.ended).toMatchObject({ kind: 'crash' });
    expectNothingLeft(spec.zoneId, domain.domid);
  });

  it('says lost when its process is killed', async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    process.kill(domain.domid, 'SIGKILL');
    expect(await domain.ended).toEqual({ kind: 'lost', message: 'QEMU was ended by SIGKILL' });
    expectNothingLeft(spec.zoneId, domain.domid);
  });

  it('can be destroyed while its process is stopped', async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    process.kill(domain.domid, 'SIGSTOP');
    await domain.destroy(signal());
    expectNothingLeft(spec.zoneId, domain.domid);
  });
});

describe('adopt', () => {
  it('takes over a machine whose daemon was killed, with its disks, console and IDM', async () => {
    const spec = await fixture.spec(idle);
    const disk = await fixture.disk(spec.zoneId, spec.uid, 'boot');
    await startByDeadDaemon({ ...spec, disks: [disk] });
    const domain = await hypervisor.adopt(spec.zoneId, signal());
    if (!domain) throw new Error('not adopted');
    started.push(domain);
    expect(await domain.listDisks(signal())).toEqual(['boot']);
    await domain.attachDisk(await fixture.disk(spec.zoneId, spec.uid, 'more'), signal());
    await domain.detachDisk('boot', signal());
    expect(await domain.listDisks(signal())).toEqual(['more']);
    expect(await readUntil(await domain.openConsole(signal()), 'Run /init')).toContain('Linux version');
    for (let again = 0; again < 3; again++) {
      const idm = await domain.openIdm(signal());
      idm.destroy();
    }
    await domain.destroy(signal());
    expectNothingLeft(spec.zoneId, domain.domid);
  });

  it('learns how a machine ended while no daemon was there', async () => {
    const spec = await fixture.spec(powerOff);
    await startByDeadDaemon(spec);
    const record = await readRecord(fixture.paths.zoneControl(spec.zoneId));
    if (!record) throw new Error('no record');
    await shutdownSeen(spec.zoneId);
    const domain = await hypervisor.adopt(spec.zoneId, signal());
    expect(await domain?.ended).toEqual({ kind: 'poweroff' });
    expectNothingLeft(spec.zoneId, record.pid);
  });

  it('clears away what a dead machine left, and says that there is none', async () => {
    const spec = await fixture.spec(idle);
    await startByDeadDaemon(spec);
    const record = await readRecord(fixture.paths.zoneControl(spec.zoneId));
    if (!record) throw new Error('no record');
    process.kill(record.pid, 'SIGKILL');
    while (isRunning(record)) await new Promise((resolve) => setImmediate(resolve));
    expect(await hypervisor.adopt(spec.zoneId, signal())).toBeUndefined();
    expectNothingLeft(spec.zoneId);
    expect(await hypervisor.list(signal())).toEqual([]);
  });

  it('never takes another process for the machine: same number, other start time', async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    const record = await readRecord(fixture.paths.zoneControl(spec.zoneId));
    if (!record) throw new Error('no record');
    const other = newZoneId();
    const folder = fixture.paths.zoneControl(other);
    await run('mkdir', ['-p', folder]);
    await writeRecord(folder, { ...record, zoneId: other, startTime: '1', cgroups: [] });
    expect(await hypervisor.adopt(other, signal())).toBeUndefined();
    expect(existsSync(`/proc/${domain.domid}`)).toBe(true);
    expect(await hypervisor.adopt(newZoneId(), signal())).toBeUndefined();
  });

  it("never takes another zone's machine for its own", async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    const record = await readRecord(fixture.paths.zoneControl(spec.zoneId));
    if (!record) throw new Error('no record');
    domain.close();
    const other = newZoneId();
    await run('mkdir', ['-p', fixture.paths.zone(other)]);
    await run('cp', ['-a', fixture.paths.zoneControl(spec.zoneId), fixture.paths.zoneControl(other)]);
    await run('ln', [
      '-sf',
      join(fixture.paths.zoneControl(spec.zoneId), 'qmp.sock'),
      join(fixture.paths.zoneControl(other), 'qmp.sock'),
    ]);
    await writeRecord(fixture.paths.zoneControl(other), { ...record, zoneId: other });
    await expect(hypervisor.adopt(other, signal())).rejects.toThrow(spec.zoneId);
    expect(isRunning(record)).toBe(true);
    await run('rm', ['-r', fixture.paths.zoneControl(other)]);
    await (await hypervisor.adopt(spec.zoneId, signal()))?.destroy(signal());
  });
});

describe('disks', () => {
  it('are plugged in 40 at once and all taken out again', async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    const serials = Array.from({ length: 40 }, (_, index) => `disk-${index}`);
    const disks = await Promise.all(serials.map((serial) => fixture.disk(spec.zoneId, spec.uid, serial)));
    await Promise.all(disks.map((disk) => domain.attachDisk(disk, signal())));
    expect([...(await domain.listDisks(signal()))].sort()).toEqual([...serials].sort());
    await Promise.all(serials.map((serial) => domain.detachDisk(serial, signal())));
    expect(await domain.listDisks(signal())).toEqual([]);
    const folder = fixture.paths.zoneDisks(spec.zoneId);
    expect(openFiles(domain.domid).filter((path) => path.startsWith(folder))).toEqual([]);
  });

  it('come and go 64 times', async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    const disk = await fixture.disk(spec.zoneId, spec.uid, 'cycle', { readOnly: true });
    for (let cycle = 0; cycle < 64; cycle++) {
      await domain.attachDisk(disk, signal());
      await domain.detachDisk('cycle', signal());
    }
    expect(await domain.listDisks(signal())).toEqual([]);
  });

  it('are attached and detached once when asked twice, and refused by name when they cannot be', async () => {
    const spec = await fixture.spec(idle);
    const domain = await start(spec);
    const disk = await fixture.disk(spec.zoneId, spec.uid, 'twice');
    await Promise.all([domain.attachDisk(disk, signal()), domain.attachDisk(disk, signal())]);
    expect(await domain.listDisks(signal())).toEqual(['twice']);
    await Promise.all([domain.detachDisk('twice', signal()), domain.detachDisk('twice', signal())]);
    await domain.detachDisk('never-there', signal());
    const missing = { ...disk, serial: 'missing', path: `${disk.path}-missing` };
    await expect(domain.attachDisk(missing, signal())).rejects.toThrow(/missing.*No such file/);
    await expect(domain.attachDisk({ ...disk, serial: 'a,b' }, signal())).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
    await domain.attachDisk({ ...disk, serial: 'missing' }, signal());
    expect(await domain.listDisks(signal())).toEqual(['missing']);
  });
});

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}
