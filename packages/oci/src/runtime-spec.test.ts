import { describe, expect, test } from 'vitest';
import { parseImageConfig } from './image-config.ts';
import type { SecurityRequest } from './process-spec.ts';
import { buildExecProcess, buildRuntimeSpec, type RuntimeSpecRequest } from './runtime-spec.ts';

const image = parseImageConfig(
  Buffer.from(
    JSON.stringify({
      config: {
        Entrypoint: ['/entry'],
        Cmd: ['default'],
        Env: ['PATH=/image', 'A=1', 'NOVALUE'],
        User: '5:6',
        WorkingDir: '/srv',
      },
    }),
  ),
);

const base: RuntimeSpecRequest = {
  image,
  accounts: {},
  hostname: 'box',
  workloadId: '6f3f6a86-7b54-4a3c-9b1c-0d0b6a1d2c3e',
  security: {},
  process: { terminal: false },
};

const spec = (changes: Partial<RuntimeSpecRequest> = {}) =>
  JSON.parse(buildRuntimeSpec({ ...base, ...changes }));
const secured = (security: SecurityRequest) => spec({ security });

describe('the runtime configuration', () => {
  test('runs the image as it wants to be run', () => {
    const { process, root, hostname } = spec();
    expect(process.args).toEqual(['/entry', 'default']);
    expect(process.env).toEqual(['PATH=/image', 'HOSTNAME=box', 'HOME=/', 'A=1']);
    expect(process.cwd).toBe('/srv');
    expect(process.user).toEqual({ uid: 5, gid: 6, additionalGids: [6] });
    expect(root).toEqual({ path: 'rootfs', readonly: false });
    expect(hostname).toBe('box');
  });

  test('an asked-for command takes the place of Cmd and leaves the entry point', () => {
    expect(spec({ process: { terminal: false, command: ['x', 'y'] } }).process.args).toEqual([
      '/entry',
      'x',
      'y',
    ]);
  });

  test('an image that names nothing runs a shell', () => {
    const empty = parseImageConfig(Buffer.from('{"config":{"Cmd":null,"Entrypoint":null,"Env":null}}'));
    const { process } = spec({ image: empty });
    expect(process).toMatchObject({ args: ['/bin/sh'], cwd: '/', user: { uid: 0, gid: 0 } });
    expect(process.env).toContain('PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
  });

  test('the environment of the request wins, each key once, and a terminal gets a TERM', () => {
    const environment = [
      { key: 'A', value: '2' },
      { key: 'B', value: 'x=y' },
    ];
    const { env } = spec({ process: { terminal: true, environment } }).process;
    expect(env).toEqual(['PATH=/image', 'HOSTNAME=box', 'HOME=/', 'TERM=xterm', 'A=2', 'B=x=y']);
  });

  test('has namespaces of its own for all but the network, which is the zone’s', () => {
    const types = spec().linux.namespaces.map(({ type }: { type: string }) => type);
    expect(types.sort()).toEqual(['cgroup', 'ipc', 'mount', 'pid', 'uts']);
  });

  test('disabled namespaces are shared with the zone, the mount namespace never', () => {
    const types = (security: SecurityRequest) =>
      secured(security).linux.namespaces.map(({ type }: { type: string }) => type);
    expect(types({ disabledNamespaces: ['pid', 'network'] })).toEqual(['mount', 'uts', 'ipc', 'cgroup']);
    expect(types({ disableAllNamespaces: true })).toEqual(['mount']);
    expect(secured({ disableAllNamespaces: true })).not.toHaveProperty('hostname');
    expect(() => secured({ disabledNamespaces: ['mount'] })).toThrow(
      expect.objectContaining({ kind: 'unsupported' }),
    );
    expect(() => secured({ strictUserNamespace: true })).toThrow(
      expect.objectContaining({ kind: 'unsupported' }),
    );
  });

  test('has Docker’s capabilities, and those raised and dropped', () => {
    expect(secured({}).process.capabilities.bounding).toHaveLength(14);
    expect(secured({}).process.capabilities).toMatchObject({ inheritable: [], ambient: [] });
    const changed = secured({ raiseCapabilities: ['net_admin'], dropCapabilities: ['CAP_CHOWN'] }).process
      .capabilities;
    expect(changed.effective).toContain('CAP_NET_ADMIN');
    expect(changed.bounding).not.toContain('CAP_CHOWN');
    const ambient = secured({ raiseAmbientCapabilities: ['SYS_TIME'], dropCapabilities: ['KILL'] }).process
      .capabilities;
    expect(ambient).toMatchObject({ ambient: ['CAP_SYS_TIME'], inheritable: ['CAP_SYS_TIME'] });
    expect(ambient.bounding).toContain('CAP_SYS_TIME');
    expect(secured({ dropCapabilities: ['ALL'] }).process.capabilities.bounding).toEqual([]);
    const only = secured({ dropCapabilities: ['all'], raiseCapabilities: ['CHOWN', 'ALL'] }).process
      .capabilities;
    expect(only.bounding).toEqual(['CAP_CHOWN']);
    const both = secured({ dropCapabilities: ['CHOWN'], raiseCapabilities: ['CHOWN'] }).process.capabilities;
    expect(both.bounding).not.toContain('CAP_CHOWN');
    const passed = secured({ dropCapabilities: ['ALL'], raiseAmbientCapabilities: ['KILL', 'ALL'] }).process;
    expect(passed.capabilities).toMatchObject({ ambient: ['CAP_KILL'], bounding: ['CAP_KILL'] });
    expect(secured({ raiseCapabilities: ['ALL'] }).process.capabilities.bounding).toHaveLength(41);
    expect(() => secured({ raiseCapabilities: ['FLY'] })).toThrow(/no capability "FLY"/);
  });

  test('hides and protects the kernel’s files unless privileged', () => {
    expect(secured({}).linux.maskedPaths).toContain('/proc/kcore');
    expect(secured({}).linux.readonlyPaths).toContain('/proc/sys');
    const open = secured({ privileged: true });
    expect(open.linux).toMatchObject({
      maskedPaths: [],
      readonlyPaths: [],
      resources: { devices: [{ allow: true }] },
    });
    expect(open.process.capabilities.bounding).toHaveLength(41);
  });

  test('binds hosts, host name and resolvers from the zone, and further folders', () => {
    const { mounts } = spec({ binds: [{ source: '/mnt/a', destination: '/data', readOnly: true }] });
    const source = (wanted: string) =>
      mounts.find(({ destination }: { destination: string }) => destination === wanted).source;
    expect(source('/etc/hosts')).toBe(`/run/protect/workloads/${base.workloadId}/hosts`);
    expect(source('/etc/hostname')).toBe(`/run/protect/workloads/${base.workloadId}/hostname`);
    expect(source('/etc/resolv.conf')).toBe('/run/protect/resolv.conf');
    expect(mounts.at(-1)).toMatchObject({ destination: '/data', options: ['rbind', 'rprivate', 'ro'] });
  });

  test('lets a workload write its own files only, and none under a root that it cannot write', () => {
    const access = (security: SecurityRequest) =>
      ['/etc/resolv.conf', '/etc/hosts', '/etc/hostname'].map((wanted) =>
        secured(security)
          .mounts.find(({ destination }: { destination: string }) => destination === wanted)
          .options.at(-1),
      );
    expect(access({})).toEqual(['ro', 'rw', 'rw']);
    expect(access({ readOnlyRootFilesystem: true })).toEqual(['ro', 'ro', 'ro']);
  });

  test('sets limits through cgroup v2 files', () => {
    const { linux } = spec({ cgroupLimits: [{ name: 'memory.max', value: '1048576' }] });
    expect(linux).toMatchObject({
      cgroupsPath: `/protect/${base.workloadId}`,
      resources: { unified: { 'memory.max': '1048576' } },
    });
  });

  test.each<[string, Partial<RuntimeSpecRequest>, string]>([
    ['a cgroup control file', { cgroupLimits: [{ name: 'cgroup.procs', value: '1' }] }, 'cgroup limit'],
    ['a cgroup path', { cgroupLimits: [{ name: '../memory.max', value: '1' }] }, 'cgroup limit'],
    ['an impossible OOM score', { oomScoreAdj: 1001 }, 'OOM score'],
    ['a NUL in an argument', { process: { terminal: false, command: ['a\0b'] } }, 'NUL'],
    [
      'a NUL in a variable',
      { process: { terminal: false, environment: [{ key: 'A', value: '\0' }] } },
      'NUL',
    ],
    [
      'a variable without a name',
      { process: { terminal: false, environment: [{ key: '', value: '' }] } },
      'no name',
    ],
    [
      'a variable with = in its name',
      { process: { terminal: false, environment: [{ key: 'A=B', value: '' }] } },
      'no name',
    ],
    ['a relative working directory', { process: { terminal: false, workingDirectory: 'x' } }, 'not absolute'],
    ['a relative mount target', { binds: [{ source: '/a', destination: 'b' }] }, 'not absolute'],
  ])('%s is refused', (_, changes, why) => {
    expect(() => spec(changes)).toThrow(
      expect.objectContaining({ kind: 'invalid', message: expect.stringContaining(why) }),
    );
  });
});

describe('a further command in a workload', () => {
  const workload: RuntimeSpecRequest = {
    ...base,
    process: { terminal: false, environment: [{ key: 'A', value: 'w' }], user: 7, workingDirectory: '/w' },
  };

  test('has the workload’s user, folder, environment and rights, and no entry point', () => {
    const process = JSON.parse(buildExecProcess(workload, { terminal: true, command: ['ls'] }));
    expect(process).toMatchObject({ args: ['ls'], cwd: '/w', terminal: true, user: { uid: 7 } });
    expect(process.env).toContain('A=w');
    expect(process.capabilities.bounding).toHaveLength(14);
  });

  test('may have its own of each', () => {
    const environment = [{ key: 'A', value: 'e' }];
    const exec = {
      terminal: false,
      command: ['ls'],
      environment,
      workingDirectory: '/e',
      user: 9,
      group: 10,
    };
    const process = JSON.parse(buildExecProcess(workload, exec));
    expect(process).toMatchObject({ cwd: '/e', user: { uid: 9, gid: 10 } });
    expect(process.env).toContain('A=e');
  });

  test('must be given', () => {
    expect(() => buildExecProcess(workload, { terminal: false })).toThrow(/no command/);
  });
});
