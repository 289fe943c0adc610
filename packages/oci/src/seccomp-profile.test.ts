import { expect, test } from 'vitest';
import { capabilitySets } from './capabilities.ts';
import { seccompProfile } from './seccomp-profile.ts';

function refused(raise: readonly string[] = [], drop: readonly string[] = []): Set<string> {
  const { effective } = capabilitySets({ privileged: false, raise, raiseAmbient: [], drop });
  const rules = seccompProfile(effective).syscalls.filter(({ args }) => args === undefined);
  return new Set(rules.flatMap(({ names }) => names));
}

test('a workload with Docker’s capabilities makes no namespaces, mounts, keys, modules or rings', () => {
  const calls = refused();
  for (const name of [
    'unshare',
    'clone3',
    'mount',
    'fsopen',
    'keyctl',
    'init_module',
    'io_uring_setup',
    'bpf',
  ]) {
    expect(calls).toContain(name);
  }
  for (const name of ['clone', 'chroot', 'ptrace', 'socket']) expect(calls).not.toContain(name);
});

test('a capability brings the calls that it is for', () => {
  expect(refused(['SYS_ADMIN'])).not.toContain('mount');
  expect(refused(['SYS_ADMIN'])).not.toContain('clone3');
  expect(refused(['BPF'])).not.toContain('bpf');
  expect(refused(['BPF'])).toContain('mount');
  expect(refused(['SYS_TIME'])).not.toContain('clock_settime');
  expect(refused([], ['SYS_CHROOT'])).toContain('chroot');
});

test('no capability brings the keyrings, io_uring, another kernel, or sockets to the hypervisor', () => {
  const calls = refused(['ALL']);
  for (const name of ['keyctl', 'io_uring_setup', 'kexec_load']) expect(calls).toContain(name);
  const socket = seccompProfile([]).syscalls.find(({ names }) => names[0] === 'socket');
  expect(socket?.args).toEqual([{ index: 0, value: 40, op: 'SCMP_CMP_EQ' }]);
});
