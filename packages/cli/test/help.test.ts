import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { examplesOf } from '../src/examples.ts';
import { wholeProgram } from '../src/whole-program.ts';
import { createFakeDaemon } from './fake-daemon.ts';
import { runProtect } from './run-protect.ts';

const program = await wholeProgram();
const commands = [...leaves(program, [])];

function* leaves(command: Command, above: readonly string[]): Generator<{ path: string; command: Command }> {
  const visible = command.createHelp().visibleCommands(command);
  for (const inner of visible.filter((one) => one.name() !== 'help')) {
    const path = [...above, inner.name()];
    if (inner.commands.length > 0) yield* leaves(inner, path);
    else yield { path: path.join(' '), command: inner };
  }
}

test('the whole program has all commands that are for people', () => {
  expect(commands.length).toBeGreaterThan(35);
});

describe.each(commands)('protect $path', ({ path, command }) => {
  test('has a help of lines that can be read, with examples', async () => {
    const { exitCode, stdout } = await runProtect(createFakeDaemon(), [...path.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expect(stdout.startsWith(`Usage: protect ${path} `)).toBe(true);
    expect(stdout).toContain('\nExamples:\n');
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110);
  });

  test('has examples of itself, with options that there are', () => {
    const own = examplesOf(command).map(([line]) => line.split(`protect ${path}`)[1]);
    expect(own.some((rest) => rest !== undefined)).toBe(true);
    const names = command.options.map(({ long }) => long);
    for (const rest of own.filter((one) => one !== undefined)) {
      const [beforeCommand = ''] = rest.split(/ -- |[|)]/);
      for (const [option] of beforeCommand.matchAll(/(?<= )--[a-z-]+/g))
        expect(names, rest).toContain(option);
    }
  });
});
