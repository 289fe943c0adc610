import { expect, test } from 'vitest';
import { type LockFile, runtimeModules } from './runtime-files.ts';

const modules = (packages: LockFile['packages']) => runtimeModules({ packages });

test('what is for development alone is left out', () => {
  expect(modules({ 'node_modules/pino': {}, 'node_modules/vitest': { dev: true } })).toEqual([
    'node_modules/pino',
  ]);
});

test('links to the workspaces are kept, the workspaces themselves are no libraries', () => {
  expect(modules({ '': {}, 'packages/bus': {}, 'node_modules/@protect/bus': { link: true } })).toEqual([
    'node_modules/@protect/bus',
  ]);
});

test('libraries of one workspace alone are taken from its own folder', () => {
  expect(modules({ 'services/cri/node_modules/zod': {} })).toEqual(['services/cri/node_modules/zod']);
});

test('a library within a library is not named again', () => {
  expect(
    modules({ 'node_modules/a': {}, 'node_modules/a/node_modules/b': {}, 'node_modules/ab': {} }),
  ).toEqual(['node_modules/a', 'node_modules/ab']);
});
