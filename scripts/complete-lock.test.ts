import { expect, test } from 'vitest';
import { completeLock, type LockFile, missingEntries } from './complete-lock.ts';

const lock: LockFile = {
  packages: {
    '': {},
    'node_modules/tool': {
      version: '1.2.3',
      dev: true,
      optionalDependencies: {
        '@tool/darwin-64': '1.2.3',
        '@tool/cli-linux-x64-musl': '1.2.3',
        '@tool/windows-arm64': '1.2.3',
        '@tool/linux-x64': '1.2.3',
      },
    },
    'node_modules/@tool/linux-x64': { version: '1.2.3', cpu: ['x64'], os: ['linux'], optional: true },
  },
};

test('entries that the lock names but does not hold are found', () => {
  expect(missingEntries(lock).map(({ path }) => path)).toEqual([
    'node_modules/@tool/darwin-64',
    'node_modules/@tool/cli-linux-x64-musl',
    'node_modules/@tool/windows-arm64',
  ]);
});

test('a completed lock has an optional entry for each platform and lacks nothing', () => {
  const complete = completeLock(lock);
  expect(missingEntries(complete)).toEqual([]);
  expect(complete.packages['node_modules/@tool/darwin-64']).toEqual({
    version: '1.2.3',
    cpu: ['x64'],
    dev: true,
    optional: true,
    os: ['darwin'],
  });
  expect(complete.packages['node_modules/@tool/cli-linux-x64-musl']).toMatchObject({ libc: ['musl'] });
  expect(complete.packages['node_modules/@tool/windows-arm64']).toMatchObject({
    os: ['win32'],
    cpu: ['arm64'],
  });
});

test('an entry that the lock holds stays as it is', () => {
  const path = 'node_modules/@tool/linux-x64';
  expect(completeLock(lock).packages[path]).toBe(lock.packages[path]);
});

test('a range cannot be completed, since only the registry knows what it stands for', () => {
  const ranged: LockFile = {
    packages: { 'node_modules/tool': { optionalDependencies: { 'tool-darwin-x64': '^1' } } },
  };
  expect(() => missingEntries(ranged)).toThrow('tool-darwin-x64@^1');
});

test('a package whose platform its name does not tell is an error', () => {
  const odd: LockFile = {
    packages: { 'node_modules/tool': { optionalDependencies: { 'tool-extra': '1.0.0' } } },
  };
  expect(() => missingEntries(odd)).toThrow('tool-extra');
});
