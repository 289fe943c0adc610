import { expect, test } from 'vitest';
import { qemuArguments } from './qemu.ts';

const options = {
  image: { xen: '/i/xen.elf', kernel: '/i/vmlinuz', ramdisk: '/i/ramdisk', root: '/i/root.ext4' },
  ramdisk: '/t/ramdisk',
  projectDisk: '/p/project,1.squashfs',
  serialLog: '/t/serial.log',
  log: '/t/qemu.log',
  temporaryFolder: '/t',
  sshPort: 2222,
};

test('nothing of a run is written to the cached images', () => {
  const [root, project] = qemuArguments(options).filter((argument) => argument.startsWith('file=/'));
  expect(root).toContain('snapshot=on');
  expect(project).toContain('readonly=on');
});

test('a comma in a path does not end it', () => {
  expect(qemuArguments(options).join(' ')).toContain('file=/p/project,,1.squashfs,');
});

test('only this machine reaches Dom0, and Dom0 reaches nothing', () => {
  const network = qemuArguments(options).find((argument) => argument.startsWith('user,'));
  expect(network).toContain('restrict=on');
  expect(network).toContain('hostfwd=tcp:127.0.0.1:2222-');
});
