import { expect, test } from 'vitest';
import { runTool, ToolError } from './run-tool.ts';

test('a tool gets its arguments as they are, its input, and nothing of our environment', async () => {
  process.env.PROTECT_SECRET_OF_A_TEST = 'secret';
  const { stdout } = await runTool('sh', ['-c', 'cat; printf "%s|" "$@"; env', 'x', 'a b', '$(id)'], {
    timeoutMs: 10_000,
    input: 'input ',
  });
  delete process.env.PROTECT_SECRET_OF_A_TEST;
  expect(stdout).toMatch(/^input a b\|\$\(id\)\|/);
  expect(stdout).not.toContain('secret');
});

test('a failure names the tool, its exit code and the end of what it said', async () => {
  const failure = runTool('sh', ['-c', 'echo the disk is full >&2; exit 3'], { timeoutMs: 10_000 });
  await expect(failure).rejects.toMatchObject({ name: 'ToolError', exitCode: 3 });
  await expect(failure).rejects.toThrow(/^sh -c ended with 3: the disk is full$/);
});

test('an absent tool is told as such', async () => {
  const failure = runTool('/nowhere/tool', [], { timeoutMs: 10_000 });
  await expect(failure).rejects.toThrow(ToolError);
  await expect(failure).rejects.toThrow(/did not start \(ENOENT\)/);
});

test('a tool that takes too long, or prints too much, is killed', async () => {
  await expect(runTool('sleep', ['60'], { timeoutMs: 50 })).rejects.toThrow(/longer than 50 ms/);
  await expect(runTool('yes', [], { timeoutMs: 10_000, maxOutputBytes: 1000 })).rejects.toThrow(/too much/);
});

test('cancelling kills the tool and tells the reason', async () => {
  const controller = new AbortController();
  const running = runTool('sleep', ['60'], { timeoutMs: 60_000, signal: controller.signal });
  controller.abort(new Error('no longer wanted'));
  await expect(running).rejects.toThrow('no longer wanted');
});
