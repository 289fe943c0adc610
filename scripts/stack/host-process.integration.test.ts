import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHostProcess } from './host-process.ts';
import { endProcess, identifyProcess, isAlive } from './process-id.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-process-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function shell(name: string, script: string) {
  return {
    name,
    file: 'sh',
    args: ['-c', script],
    logPath: join(folder, `${name}.log`),
    isReadyLine: (line: string) => line === 'ready',
  };
}

test('a process is started once its log says that it is ready, and ends on SIGTERM', async () => {
  const started = await startHostProcess(shell('good', 'echo ready; exec sleep 1000'));
  expect(started.alive()).toBe(true);
  expect(await started.end()).toBe('ended');
  expect(started.alive()).toBe(false);
});

test('a process that ends before it is ready is an error with the end of its log', async () => {
  const failing = startHostProcess(shell('bad', 'echo "cannot find my shoes"; exit 3'));
  await expect(failing).rejects.toThrow(/exit code 3 before it was ready[\s\S]*cannot find my shoes/);
});

test('a program that does not exist is an error that names it', async () => {
  const failing = startHostProcess({ ...shell('absent', ''), file: '/nonexistent/program' });
  await expect(failing).rejects.toThrow(/absent cannot be started: .*\/nonexistent\/program/);
});

test('a process that ignores SIGTERM is killed after the grace', async () => {
  const started = await startHostProcess(
    shell('deaf', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'),
  );
  expect(await started.end(100)).toBe('killed');
});

test('a restart waits for the new process’ own ready line', async () => {
  const started = await startHostProcess(shell('again', 'echo ready; exec sleep 1000'));
  const first = started.id;
  await started.restart();
  expect(started.id).not.toEqual(first);
  expect(isAlive(first)).toBe(false);
  expect(await readFile(started.logPath, 'utf8')).toBe('ready\nready\n');
  await started.end();
});

test('a process that merely has the number of a recorded one is left alone', async () => {
  const child = spawn('sleep', ['1000']);
  await once(child, 'spawn');
  const id = identifyProcess(child.pid ?? 0);
  expect(await endProcess({ pid: id?.pid ?? 0, startTime: '1' }, 1_000)).toBe('gone');
  expect(id && isAlive(id)).toBe(true);
  child.kill();
});
